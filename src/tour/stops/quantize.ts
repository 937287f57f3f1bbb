import { join } from 'node:path';
import { provenanceOf } from '../../artifact/index.ts';
import { randomFrom, writeFileAtomically } from '../../base/index.ts';
import type { UniformBits } from '../../checkpoint/index.ts';
import { evaluationText } from '../../evaluate/index.ts';
import { loadModel } from '../../model/index.ts';
import {
  bitsPerWeight,
  openReference,
  type QuantizeOptions,
  quantizeDefaults,
  quantizeModel,
  type Scheme,
} from '../../quantize/index.ts';
import type { Scatter } from '../../report/index.ts';
import type { Stop, Visit } from '../stop.ts';
import { rowsOfSkill, tinyWorldSeed } from '../world.ts';

const shown: readonly { readonly scheme: Scheme; readonly bits?: UniformBits }[] = [
  { scheme: 'rtn', bits: 8 },
  { scheme: 'nf4' },
  { scheme: 'rtn', bits: 4 },
  { scheme: 'rtn', bits: 3 },
  { scheme: 'gptq', bits: 3 },
];
const group = 64;
const [testRows, calibrationRows] = [40, 60];

/** The model in fewer and fewer bits, and what that costs on texts that calibration has not read. */
export const quantize: Stop = {
  name: 'quantize',
  title: 'It fits into fewer bits, and tells the price',
  async visit(visit) {
    const { model, scratch, seed, signal, say } = visit;
    const text = join(scratch, 'test.txt');
    const calibration = join(scratch, 'calibration.txt');
    await writeStories(text, testRows, seed + 1);
    await writeStories(calibration, calibrationRows, seed);
    const read = evaluationText(model.loaded, { text });
    const reference = await openReference(model.loaded, read, { kl: 'exact', seed }, { signal });
    const results = [];
    try {
      for (const [i, { scheme, bits }] of shown.entries()) {
        const out = join(scratch, `quantized-${i}`);
        const calibrated = scheme === 'gptq' ? { calibration, samples: 16, sequence: 64 } : {};
        const options = { ...quantizeDefaults, scheme, bits, format: 'hf' as const, group, ...calibrated, seed };
        const { tensors } = await quantized(visit, out, options);
        const opened = loadModel(out, { precision: 'f32', threads: visit.threads });
        const { comparison } = await reference.compare(opened, { signal });
        opened.close();
        const name = bits ? `${scheme} at ${bits} bits` : scheme;
        const { deltaNll, low, high, kl, sameTop } = comparison;
        results.push({ name, bitsPerWeight: bitsPerWeight(tensors), deltaNll, low, high, kl, sameTop });
        const same = `same likeliest token ${(100 * sameTop).toFixed(1)}%`;
        say(`${name}: ${bitsPerWeight(tensors).toFixed(2)} bits per weight, KL ${kl.toFixed(4)} nats, ${same}`);
      }
    } finally {
      await reference.dispose();
    }
    return { figures: { models: results }, parts: [chartOf(results)] };
  },
};

/** Stories of the world that the model was trained on, as one text. */
async function writeStories(path: string, count: number, seed: number): Promise<void> {
  const rows = rowsOfSkill(tinyWorldSeed, 'stories', count, randomFrom(seed));
  const text = rows.map((row) => ('prompt' in row ? row.prompt + row.completion : '')).join('\n');
  await writeFileAtomically(path, (append) => append(new TextEncoder().encode(text)));
}

function quantized({ model, path, seed, signal }: Visit, out: string, options: QuantizeOptions) {
  const provenance = provenanceOf('tour', path, { scheme: options.scheme }, seed);
  return quantizeModel(model.loaded, out, options, provenance, { signal });
}

function chartOf(
  results: readonly { readonly name: string; readonly bitsPerWeight: number; readonly kl: number }[],
): Scatter {
  return {
    kind: 'scatter',
    title: 'Bits per weight against divergence from the model before',
    alt: results.map(({ name, kl }) => `${name}: KL ${kl.toFixed(4)}`).join('; '),
    x: 'bits per weight',
    y: 'KL, nats',
    points: results.map(({ name, bitsPerWeight: x, kl }) => ({ label: name, x, y: kl })),
  };
}
