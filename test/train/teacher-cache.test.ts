import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openForward } from '../../src/model/index.ts';
import { targetPositions } from '../../src/train/micro-batch.ts';
import {
  cachedLogprobs,
  cacheRowBytes,
  entropyOf,
  entropyWeights,
  readTeacherCache,
  rowBegins,
  teacherCache,
  teacherFeeds,
  writeTeacherCache,
} from '../../src/train/teacher-cache.ts';
import { temporaryFolder } from '../hostile.ts';
import { goldenPath, opened } from '../model/goldens.ts';

const sequences = [
  { ids: [3, 1, 4, 1, 5, 9, 2, 6], lossMask: undefined },
  { ids: [5, 3, 5, 8], lossMask: [false, false, true, true] },
];

async function cached(top: number, temperature = 1) {
  const model = opened(goldenPath('llama'));
  const forward = await openForward(model, { precision: 'f32' });
  onTestFinished(() => forward.dispose());
  return { forward, cache: await teacherCache(forward, sequences, { top, temperature }) };
}

// oracle 17 of E3-Pruner
test('a cache has the likeliest tokens of every target, sorted, to the error of float16', async () => {
  const { forward, cache } = await cached(10);
  expect(cache.rows).toBe(9);
  expect(rowBegins(sequences)).toEqual([0, 7, 9]);
  const logprobs = cachedLogprobs(cache, [...Array(cache.rows).keys()]);
  let row = 0;
  for (const sequence of sequences) {
    const { lastHidden } = await forward.run([sequence.ids]);
    const width = lastHidden.shape[2] as number;
    for (const position of targetPositions(sequence)) {
      const logits = await forward.logits(lastHidden.data.slice((position - 1) * width, position * width));
      const order = [...logits.keys()].sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b);
      expect([...cache.ids.subarray(row * 10, row * 10 + 10)]).toEqual(order.slice(0, 10));
      const stored = logprobs.subarray(row * 10, row * 10 + 10);
      expect([...stored]).toEqual([...stored].sort((a, b) => b - a));
      expect(stored.reduce((sum, x) => sum + Math.exp(x), 0)).toBeLessThanOrEqual(1);
      for (const [k, x] of stored.entries()) {
        const logit = x + (cache.logSumExp[row] as number);
        expect(Math.abs(logit - (logits[order[k] as number] as number))).toBeLessThan(2e-2);
      }
      row++;
    }
  }
});

test('a cache comes back from its file, in the bytes that are declared, for its own key alone', async () => {
  const { cache } = await cached(4, 2);
  const path = join(temporaryFolder(), 'teacher.safetensors');
  await writeTeacherCache(path, cache, 'of this');
  expect(readTeacherCache(path, 'of this')).toEqual(cache);
  expect(readTeacherCache(path, 'of that')).toBeUndefined();
  expect(readTeacherCache(`${path}.none`, 'of this')).toBeUndefined();
  const header = 8 + Number(new DataView(new Uint8Array(readFileSync(path)).buffer).getBigUint64(0, true));
  expect(statSync(path).size - header).toBe(cache.rows * cacheRowBytes(4));
  expect(cacheRowBytes(10)).toBe(64);
  writeFileSync(path, 'nothing');
  expect(() => readTeacherCache(path, 'of this')).toThrow(path);
});

test('the temperature divides the logits before anything is kept', async () => {
  const [{ cache: warm }, { cache: plain }] = await Promise.all([cached(64, 2), cached(64)]);
  const of = (cache: typeof warm) => [...cachedLogprobs(cache, [0])];
  const relative = (x: readonly number[]) => x.map((each) => each - (x[0] as number));
  for (const [k, x] of relative(of(warm)).entries()) expect(2 * x).toBeCloseTo(relative(of(plain))[k] as number, 1);
});

test('what is not kept is the rest of 1', async () => {
  const { cache } = await cached(3);
  const feeds = teacherFeeds(cache, [4, 1]);
  const logprobs = cachedLogprobs(cache, [4, 1]);
  const rest = [0, 1].map((i) => 1 - [0, 1, 2].reduce((sum, k) => sum + Math.exp(logprobs[3 * i + k] as number), 0));
  expect([...(feeds['teacher:rest'] as { data: Float32Array }).data]).toEqual(rest.map(Math.fround));
});

// oracle 16 of E3-Pruner
describe('entropy weights', () => {
  const logs = (p: readonly number[]) => Float32Array.from(p, Math.log);

  test('know the entropies of one token, of equal ones, and of the example', () => {
    expect(entropyOf(Float32Array.of(0, -Infinity, -Infinity))).toBe(0);
    expect(entropyOf(new Float32Array(10).fill(-7))).toBeCloseTo(Math.LN10, 6);
    expect(entropyOf(logs([0.5, 0.3]))).toBeCloseTo(0.661563, 6);
  });

  test('are 1 for every token where beta is 0, and between 1 and 1 + beta else', () => {
    const rows = fc.array(fc.array(fc.double({ min: -20, max: 0, noNaN: true }), { minLength: 4, maxLength: 4 }), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(rows, fc.double({ min: 0, max: 3, noNaN: true }), (given, beta) => {
        const flat = Float32Array.from(given.flat());
        expect([...entropyWeights(flat, 4, 0)]).toEqual(given.map(() => 1));
        for (const weight of entropyWeights(flat, 4, beta)) {
          expect(weight).toBeGreaterThanOrEqual(1);
          expect(weight).toBeLessThanOrEqual(1 + beta + 1e-5);
        }
      }),
    );
  });
});
