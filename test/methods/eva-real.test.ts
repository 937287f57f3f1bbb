import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { permutation, randomFrom, silent } from '../../src/base/index.ts';
import type { Value } from '../../src/engine/index.ts';
import type { Rows } from '../../src/linalg/index.ts';
import { openIncrementalPca, type Pca } from '../../src/methods/eva/incremental-pca.ts';
import { eva, evaDefaults } from '../../src/methods/eva/index.ts';
import { openTokenizer } from '../../src/tokenizer/index.ts';
import { forwardOf, opened } from '../model/goldens.ts';
import { needs, shared } from '../shared.ts';
import { firstGradient, withRandomRows } from './first-gradient.ts';

const weights = shared('models', 'smollm2-135m-instruct.Q4_1.gguf');
const text = shared('data', 'wikitext-2', 'valid.txt');
const { skip, reason } = needs(weights && text, 'SmolLM2-135M-Instruct with WikiText-2');

/** SmolLM2, and sequences of WikiText-2 one after the other. */
function modelAndText(count: number, length: number) {
  const model = opened(weights as string, { precision: 'f32', threads: 1 });
  const tokenizer = openTokenizer(model.checkpoint.tokenizer, model.checkpoint.generation);
  const ids = tokenizer.encode(readFileSync(text as string, 'utf8').slice(0, 8 * count * length), { special: false });
  return {
    model,
    sequences: Array.from({ length: count }, (_, i) => ids.slice(i * length, (i + 1) * length)),
  };
}

const [count, length, kept, compared] = [32, 48, 20, 10];
const paths = ['layers.2.attention.input', 'layers.15.mlp.input', 'layers.27.attention.heads'];

// oracle 8
test.skipIf(skip)(
  `batches of 4, 8 and 16 in three orders give nearly the same directions${reason}`,
  async () => {
    const { model, sequences } = modelAndText(count, length);
    const { read } = await (await forwardOf(model, { read: paths })).run(sequences);
    const pca = await openIncrementalPca({ components: kept, tau: 2 }, { threads: 1 });
    onTestFinished(() => pca.dispose());
    for (const path of paths) {
      const { data, shape } = read[path] as Value<'f32'>;
      const size = length * (shape[2] as number);
      const found: Pca[] = [];
      for (const [batch, seed] of [4, 8, 16].flatMap((batch) => [1, 2, 3].map((seed) => [batch, seed] as const))) {
        const order = permutation(count, randomFrom(seed));
        const rowsOf = (from: number): Rows => {
          const rows = new Float32Array(batch * size);
          for (let i = 0; i < batch; i++) {
            const at = (order[from + i] as number) * size;
            rows.set(data.subarray(at, at + size), i * size);
          }
          return { rows: batch * length, columns: shape[2] as number, data: rows };
        };
        let state: Pca | undefined;
        for (let from = 0; from < count; from += batch) state = await pca.update(state, rowsOf(from));
        found.push(state as Pca);
      }
      const [first, ...others] = found as [Pca, ...Pca[]];
      for (const other of others) expect(meanCosine(first, other), path).toBeGreaterThan(0.9);
    }
  },
  120_000,
);

/** The mean |cosine| of the first components of two inputs, one by one. */
function meanCosine(a: Pca, b: Pca): number {
  const { columns } = a.components;
  let sum = 0;
  for (let j = 0; j < compared; j++) {
    let product = 0;
    for (let i = j * columns; i < (j + 1) * columns; i++) {
      product += (a.components.data[i] as number) * (b.components.data[i] as number);
    }
    sum += Math.abs(product);
  }
  return sum / compared;
}

// oracle 10
test.skipIf(skip)(
  `on real text too the first gradient of B is larger than with random rows${reason}`,
  async () => {
    const { model, sequences } = modelAndText(4, 32);
    const batch = (step: number) => {
      return sequences.slice(2 * (step % 2), 2 * (step % 2) + 2).map((ids) => ({ ids, lossMask: undefined }));
    };
    const options = { ...evaDefaults, rank: 4, maxBatches: 2, targets: ['q_proj', 'o_proj', 'down_proj'] };
    const { adapter } = await eva(model, { batch, round: 2 }, options, { progress: silent });
    const own = await firstGradient(model, adapter, batch(0));
    const random = await firstGradient(model, await withRandomRows(adapter, 1), batch(0));
    expect(own).toBeGreaterThan(10 * random); // measured: 276 times as large
  },
  120_000,
);
