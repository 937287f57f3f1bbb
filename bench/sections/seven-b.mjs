/** Whether a model that is larger than memory can be worked on. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median, medianAndSpread, repeated, resultOf, secondsOf, tell } from '../measure.mjs';
import { commandLine, node, script } from '../places.mjs';

const title = 'A model of 7B parameters';

export async function sevenB(options) {
  if (options.sevenB === undefined) return notMeasured('no checkpoint was given (--seven-b)');
  if (options.sevenB !== 'make') {
    return existsSync(options.sevenB) ? measured(options.sevenB, options) : notMeasured('the checkpoint is not there');
  }
  const temporary = mkdtempSync(join(tmpdir(), 'cria-seven-b-'));
  const remove = () => rmSync(temporary, { recursive: true, force: true });
  process.once('exit', remove); // whatever ends the run
  try {
    const folder = join(temporary, 'model');
    tell('  writing the checkpoint');
    await secondsOf(node, [script('write-7b.mjs'), folder]);
    return await measured(folder, options);
  } finally {
    remove();
    process.off('exit', remove);
  }
}

async function measured(folder, { threads, quick }) {
  const inspected = await resultOf(node, [commandLine, 'inspect', folder, '--json', '--quiet']);
  const inspections = await repeated(quick ? 3 : 5, () => secondsOf(node, [commandLine, 'inspect', folder]));
  tell('  perplexity');
  const result = await resultOf(node, [script('cria-perplexity.mjs'), folder, '--threads', threads]);
  tell('  a training step');
  const sizes = ['--batch', 1, '--sequence', 128, '--threads', threads, '--repeats', 0];
  const step = await resultOf(node, [script('cria-train.mjs'), folder, '--train', 'lora', '--from-disk', ...sizes]);
  const gigabytesOf = ({ peakRssMb }) => (peakRssMb * 2 ** 20) / 1e9;
  const [gigabytes, trained] = [gigabytesOf(result), gigabytesOf(step)];
  const isWhole = inspected.parameters > 6e9; // what is asked for is asked of 32 layers
  const figure = (what, measured, asked, reached) => ({ what, measured, ...(isWhole && { asked, reached }) });
  return {
    title,
    how: [
      `Llama 2's architecture with random weights: ${inspected.layers} layers, ` +
        `${(inspected.parameters / 1e9).toFixed(2)}B parameters, ${(inspected.bytes / 1e9).toFixed(1)} GB of bfloat16. ` +
        `Perplexity is over 256 arbitrary ids in one window, in a process of its own; cria chose to run it ` +
        `${result.plan === 'whole' ? 'whole' : 'layer by layer'}. The training step is forward, backward and AdamW with LoRA of ` +
        'rank 16 on all linears, block by block with weights from the disk. Peak memory is the resident set’s, as the ' +
        'system tells.',
    ],
    figures: [
      figure('cria inspect', medianAndSpread(inspections, 2, ' s'), 'below 1 s', median(inspections) < 1),
      figure('peak memory of perplexity', `${gigabytes.toFixed(2)} GB`, 'below 3 GB', gigabytes < 3),
      { what: 'perplexity over 256 tokens, with loading', measured: `${result.seconds} s` },
      figure('peak memory of a LoRA step of 1 x 128', `${trained.toFixed(2)} GB`, 'below 8 GB', trained < 8),
      { what: 'a LoRA step of 1 x 128', measured: `${Math.round(128 / step.tokensPerSecond)} s` },
    ],
  };
}

function notMeasured(why) {
  return {
    title,
    how: [],
    figures: [
      { what: 'cria inspect', measured: why, asked: 'below 1 s' },
      { what: 'peak memory of perplexity', measured: why, asked: 'below 3 GB' },
      { what: 'peak memory of a LoRA step of 1 x 128', measured: why, asked: 'below 8 GB' },
    ],
  };
}
