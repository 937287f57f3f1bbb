import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { needs, shared } from '../../../test/shared.ts';
import { contextOf, frequencies, lengthGiving, lengthMatters, type Rope, ropeFrom, rotaryTables } from './rope.ts';

interface Golden {
  params: Record<string, unknown>;
  head_dim: number;
  theta: number;
  seq_len: number | null;
  max_position_embeddings: number;
  inv_freq: number[];
  attention_factor: number;
}

const file = shared('goldens', 'rope.json');
const { skip, reason } = needs(file, 'the folder of golden values');

describe.skipIf(skip)(`frequencies are those of transformers${reason}`, () => {
  const { cases } = file ? (JSON.parse(readFileSync(file, 'utf8')) as { cases: Golden[] }) : { cases: [] };
  test.each(cases.map((golden, i) => [i, golden.params.rope_type, golden] as const))('case %i: %s', (_, __, golden) => {
    const rope = ropeFrom(
      { rope_theta: golden.theta, rope_scaling: golden.params },
      { headSize: golden.head_dim, context: golden.max_position_embeddings, where: 'golden' },
    );
    const { inverse, attentionFactor } = frequencies(rope, golden.seq_len ?? 0);
    expect(inverse.length).toBe(golden.inv_freq.length);
    for (const [i, f] of golden.inv_freq.entries()) {
      expect(Math.abs((inverse[i] as number) / f - 1), `frequency ${i}`).toBeLessThan(1e-6);
    }
    expect(attentionFactor).toBeCloseTo(golden.attention_factor, 6);
  });
});

test('position 0 is not turned and position p is turned by p times the frequency', () => {
  const { cos, sin } = rotaryTables({ type: 'default', theta: 100, rotated: 4 }, 3);
  expect([...cos.slice(0, 2), ...sin.slice(0, 2)]).toEqual([1, 1, 0, 0]);
  expect(cos[4]).toBeCloseTo(Math.cos(2), 6);
  expect(sin[5]).toBeCloseTo(Math.sin(0.2), 6);
});

test('an unknown scaling is refused by name', () => {
  const json = { rope_scaling: { rope_type: 'spiral' } };
  expect(() => ropeFrom(json, { headSize: 8, context: 10, where: 'config.json' })).toThrow('"spiral" is not supported');
});

test('the ways to spell a scaling in a configuration say the same', () => {
  const scaling = { factor: 2, original_max_position_embeddings: 8 };
  const rope = (json: Record<string, unknown>) => ropeFrom(json, { headSize: 8, context: 16, where: 'config.json' });
  const first = rope({ rope_theta: 500, rope_scaling: { rope_type: 'yarn', ...scaling } });
  expect(first).toMatchObject({ type: 'yarn', theta: 500, factor: 2, original: 8 });
  expect(rope({ rope_theta: 500, rope_scaling: { type: 'yarn', ...scaling } })).toEqual(first);
  expect(rope({ rope_parameters: { rope_type: 'yarn', rope_theta: 500, ...scaling } })).toEqual(first);
});

test.each<[string, number, Rope]>([
  [
    'dynamic scaling stretches the trained length',
    64,
    { type: 'dynamic', theta: 100, rotated: 4, factor: 4, original: 16 },
  ],
  ['no scaling keeps it', 16, { type: 'default', theta: 100, rotated: 4 }],
])('%s', (_, reach, rope) => {
  expect(contextOf(rope, 16)).toBe(reach);
});

test.each([
  [32_768, 131_072], // as Qwen2.5 asks for YaRN: the trained length stays in max_position_embeddings
  [131_072, 131_072], // as transformers writes it
])('YaRN by 4 from 32,768 positions reaches 131,072 Xsays %i', (positions, reach) => {
  const json = { rope_scaling: { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 32_768 } };
  const rope = ropeFrom(json, { headSize: 8, context: positions, where: 'config.json' });
  expect(contextOf(rope, positions)).toBe(reach);
});

test.each<Rope>([
  { type: 'default', theta: 100, rotated: 8 },
  { type: 'linear', theta: 100, rotated: 8, factor: 2 },
  { type: 'dynamic', theta: 100, rotated: 8, factor: 2, original: 16 },
  {
    type: 'longrope',
    theta: 100,
    rotated: 8,
    original: 16,
    short: [1, 1, 1, 1],
    long: [2, 2, 2, 2],
    attentionFactor: 1,
  },
])('the length of a text matters to $type rotation where its frequencies say so', (rope) => {
  const change = (length: number) => `${frequencies(rope, length).inverse}` !== `${frequencies(rope, 8).inverse}`;
  for (const length of [8, 16, 17, 64]) expect(lengthMatters(rope, length)).toBe(change(length));
  expect(lengthMatters(rope)).toBe(change(1000));
});

test.each<Rope>([
  { type: 'dynamic', factor: 4, original: 16, theta: 10000, rotated: 8 },
  {
    ...{ type: 'longrope', original: 16, theta: 10000, rotated: 8, attentionFactor: 1 },
    ...{ short: [1, 1, 2, 2], long: [2, 3, 4, 5] },
  },
  { type: 'linear', factor: 2, theta: 10000, rotated: 8 },
])('lengths that give one thing have the same frequencies under $type, and others do not', (rope) => {
  const lengths = [1, 8, 15, 16, 17, 18, 40, 64];
  for (const one of lengths) {
    for (const other of lengths) {
      const isSame = `${frequencies(rope, one).inverse}` === `${frequencies(rope, other).inverse}`;
      expect(lengthGiving(rope, one) === lengthGiving(rope, other), `${one} and ${other}`).toBe(isSame);
    }
  }
});
