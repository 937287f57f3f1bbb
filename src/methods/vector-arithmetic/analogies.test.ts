import { expect, test } from 'vitest';
import { goldenPath, opened } from '../../../test/model/goldens.ts';
import { normalFrom, randomFrom } from '../../base/index.ts';
import type { Rows } from '../../linalg/index.ts';
import { halves, indexed, outcomeOf, ranks } from './analogies.ts';
import { openGeometry } from './geometry.ts';
import type { Line } from './tasks.ts';

const gramOf = ({ rows, columns, data }: Rows) =>
  Float32Array.from({ length: rows * rows }, (_, at) => {
    const [i, j] = [Math.floor(at / rows), at % rows];
    let sum = 0;
    for (let k = 0; k < columns; k++) sum += (data[i * columns + k] as number) * (data[j * columns + k] as number);
    return sum;
  });

test('ranks from inner products are those of cosines with the sum itself', () => {
  const normal = normalFrom(randomFrom(1));
  const [words, width] = [9, 5];
  const x = Array.from({ length: words }, () => Array.from({ length: width }, normal));
  const gram = gramOf({ rows: words, columns: width, data: Float32Array.from(x.flat()) });
  const row = (i: number) => x[i] as number[];
  const cosine = (a: number[], b: number[]) =>
    a.reduce((sum, each, i) => sum + each * (b[i] as number), 0) / (Math.hypot(...a) * Math.hypot(...b));
  const lines = Array.from({ length: 40 }, (_, i) => [i % 9, (i + 1) % 9, (i * i + 4) % 9, (i + 5) % 9] as const);
  const asked = lines.map(([a, b, , d]) => row(a).map((v, k) => v - (row(b)[k] as number) + (row(d)[k] as number)));
  for (const exclude of [false, true]) {
    const expected = lines.map(([a, b, wanted, d], i) => {
      const open = x.map((_, w) => w).filter((w) => w === wanted || !exclude || ![a, b, d].includes(w));
      const own = cosine(asked[i] as number[], row(wanted));
      return 1 + open.filter((w) => w !== wanted && cosine(asked[i] as number[], row(w)) > own + 1e-9).length;
    });
    expect(ranks(gram, lines, exclude)).toEqual(expected);
  }
});

test('outcomes are means over lines; of two words that are asked for one is always found', () => {
  const lines = [0, 1, 1, 0].map((wanted) => [2, 3, wanted, 4] as const);
  // two clusters of means 1 and 0: a standard error of sqrt(2 (1/4 + 1/4)) / 2
  const standardError = expect.closeTo(0.5, 12);
  expect(outcomeOf([1, 2, 4, 1], lines)).toEqual({
    accuracy: 0.5,
    standardError,
    mrr: (1 + 1 / 2 + 1 / 4 + 1) / 4,
    n: 4,
  });
});

/** Pairs whose raw states are told apart by what they are, and whose concepts differ by one offset. */
function planted() {
  const normal = normalFrom(randomFrom(7));
  const [pairs, width] = [8, 32];
  const names = Array.from({ length: 2 * pairs }, (_, i) => `${i % 2 ? 'country' : 'capital'}${Math.floor(i / 2)}`);
  const offset = Array.from({ length: 16 }, normal);
  const data: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const concept = Array.from({ length: 16 }, () => 2 * normal());
    for (const side of [0, 1]) {
      const identity = names.map((_, i) => (i === 2 * pair + side ? 3 * Math.sqrt(width) : 0));
      data.push(...identity, ...concept.map((x, i) => x + (side === 0 ? (offset[i] as number) : 0) + 0.05 * normal()));
    }
  }
  const lines: Line[] = [];
  for (let i = 0; i < pairs; i++) {
    for (let j = 0; j < pairs; j++) {
      if (i !== j) lines.push([`capital${i}`, `country${i}`, `capital${j}`, `country${j}`]);
    }
  }
  return { words: names, lines, states: { rows: names.length, columns: width, data: Float32Array.from(data) } };
}

test('planted analogies: none come out of raw states, all through a lens on the concepts, however loud (oracles 2 and 4)', async () => {
  const { words, lines, states } = planted();
  const geometry = await openGeometry(opened(goldenPath('llama')), false);
  try {
    const project = new Float32Array(32 * 32);
    for (let i = 16; i < 32; i++) project[i * 32 + i] = 0.7;
    const all = indexed(lines, words);
    const judged = { whole: all, choose: all, judge: all };
    const vectors = { words, layers: [states] };
    const raw = await geometry.judge(vectors, judged, geometry.raw);
    expect(raw.best.whole).toMatchObject({ accuracy: 0, n: 56 });
    const lens = { rows: 32, columns: 32, data: project };
    const seen = await geometry.judge(vectors, judged, geometry.through(lens));
    expect(seen.best.whole).toEqual({ accuracy: 1, standardError: 0, mrr: 1, n: 56 });
    const louder = { ...lens, data: project.map((x) => 5 * x) };
    const scaled = await geometry.judge(vectors, judged, geometry.through(louder));
    expect(scaled.best).toEqual(seen.best);
    // all directions are as good as the centred vectors themselves
    const centred = await geometry.judge(vectors, judged, geometry.centred);
    const principal = await geometry.judge(vectors, judged, geometry.principal(15));
    expect(principal.best.whole.mrr).toBeCloseTo(centred.best.whole.mrr, 6);
  } finally {
    await geometry.dispose();
  }
});

test('no pair of the half that chooses a layer is judged', () => {
  const { lines } = planted();
  const { choose, judge } = halves({ name: 'planted', lines }, 3);
  expect([choose.length, judge.length]).toEqual([12, 12]);
  const words = new Set(choose.flat());
  expect(judge.flat().some((word) => words.has(word))).toBe(false);
  expect(halves({ name: 'planted', lines }, 3)).toEqual({ choose, judge });
  expect(() => halves({ name: 'short', lines: lines.slice(0, 3) }, 0)).toThrow(
    'short: its 3 lines do not fill two halves',
  );
});
