/** How long a user of the command line waits. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { median, medianAndSpread, repeated, secondsOf } from '../measure.mjs';
import { commandLine, model, node } from '../places.mjs';

const prompt = 'The llama is an animal that';

export async function firstToken({ threads, quick }) {
  const args = [commandLine, 'generate', model(), prompt, '--max-tokens', 8, '--threads', threads, '--quiet'];
  const generate = () => secondsOf(node, args, 'first byte');
  await generate();
  const warm = await repeated(quick ? 3 : 5, generate);
  const help = await helpOf([], quick);
  const verbHelp = await helpOf(['generate'], quick);
  const cannot = cannotDropCaches();
  const cold = cannot ? [] : await repeated(3, () => dropCaches() ?? generate());
  return {
    title: 'Waiting for the command line',
    how: [
      `From starting \`cria generate MODEL '${prompt}'\` (SmolLM2 Q4_1) to the first byte of its text, and from ` +
        'starting `cria --help` to its end. Warm: median of ' +
        `${warm.length} (${help.length} for the help) after one that is not counted. Cold: median of 3, each after the ` +
        'system’s page cache was dropped, of the model and of node_modules too; only pages that a running ' +
        'process has mapped (Node’s own) stay.',
    ],
    figures: [
      cannot
        ? { what: 'first token, cold page cache', measured: cannot, asked: 'at most 3 s' }
        : timed('first token, cold page cache', cold, 3),
      timed('first token, warm', warm, 1.5),
      timed('cria --help', help, 0.15),
      timed('cria generate --help', verbHelp, 0.15),
    ],
  };
}

async function helpOf(verb, quick) {
  const help = () => secondsOf(node, [commandLine, ...verb, '--help']);
  await help();
  return repeated(quick ? 3 : 10, help);
}

function timed(what, seconds, most) {
  return {
    what,
    measured: medianAndSpread(seconds, 3, ' s'),
    asked: `at most ${most} s`,
    reached: median(seconds) <= most,
  };
}

const dropFile = '/proc/sys/vm/drop_caches';

/** Why the page cache cannot be dropped, or nothing. */
function cannotDropCaches() {
  if (process.platform !== 'linux') return 'skipped: only Linux can drop its page cache';
  if (process.getuid() !== 0) return 'skipped: only root may drop the page cache';
  try {
    dropCaches();
    return undefined;
  } catch {
    return 'skipped: this system does not let its page cache be dropped';
  }
}

function dropCaches() {
  execFileSync('sync');
  writeFileSync(dropFile, '3');
}
