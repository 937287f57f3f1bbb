import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../test/hostile.ts';
import { goldenPath, opened } from '../../../test/model/goldens.ts';
import { normalFrom, randomFrom } from '../../base/index.ts';
import { allHeads, beyondChance, chanceOf, layerMatchedHeads, nameOf, randomHeads, topHeads } from './heads.ts';
import { readHeads, toStored } from './heads-file.ts';

const all = allHeads({ layers: 4, heads: 6 });

test('heads are ranked by score, of equal ones the earlier first', () => {
  const scored = all.map((head, i) => ({ ...head, score: i % 5 }));
  expect(topHeads(scored, 3).map(nameOf)).toEqual(['0.4', '1.3', '2.2']);
  expect(() => topHeads(scored, 25)).toThrow('the model has 24 heads, not 25');
});

test('of heads without effect one is beyond chance in less than one run of twenty, and clear ones always', () => {
  const normal = normalFrom(randomFrom(3));
  const scored = (real: number) =>
    allHeads({ layers: 8, heads: 8 }).map((head, i) => ({
      ...head,
      score: normal() + (i < 2 ? real : 0),
      standardError: 1,
    }));
  const runs = 2000;
  const found = (real: number) => Array.from({ length: runs }, () => beyondChance(scored(real), 64) ?? Number.NaN);
  const falsely = found(0).filter((count) => count > 0).length / runs;
  expect(falsely).toBeLessThan(0.05);
  expect(falsely).toBeGreaterThan(0.002); // 64 times the normal tail beyond 3.6 is 0.010
  expect(Math.min(...found(9))).toBe(2);
  expect(chanceOf(64)).toBeCloseTo(3.595, 3);
  expect(
    beyondChance(
      all.map((head) => ({ ...head, score: 1 })),
      24,
    ),
  ).toBeUndefined();
});

test('random heads are different ones, and matched ones are of the same layers but others', () => {
  const random = randomFrom(1);
  expect(new Set(randomHeads(all, 10, random).map(nameOf)).size).toBe(10);
  const like = [
    { layer: 1, head: 0 },
    { layer: 1, head: 3 },
    { layer: 3, head: 5 },
  ];
  for (let i = 0; i < 20; i++) {
    const matched = layerMatchedHeads(all, like, random);
    expect(matched.map(({ layer }) => layer)).toEqual([1, 1, 3]);
    expect(matched.map(nameOf)).not.toEqual(expect.arrayContaining([expect.stringMatching(/^(1.0|1.3|3.5)$/)]));
  }
  const whole = all.filter(({ layer }) => layer === 2);
  expect(new Set(layerMatchedHeads(all, whole, random).map(nameOf))).toEqual(new Set(whole.map(nameOf)));
});

test('scores are read as they were written', () => {
  const { config } = opened(goldenPath('llama-gqa'));
  const heads = allHeads(config).map((head, i) => ({ ...head, score: Math.sin(i), standardError: 0.1 }));
  const file = join(temporaryFolder(), 'heads.json');
  writeFileSync(file, JSON.stringify(toStored({ concept: heads, token: heads })));
  const { concept } = readHeads(file, config);
  expect(concept).toEqual(topHeads(heads, heads.length));
});

test.each([
  ['[]', 'has no list of concept heads'],
  ['null', 'has no list of concept heads'],
  [
    '{"concept": [{"layer": 0, "head_idx": 99, "score": 1}], "token": []}',
    'concept head 1: is no {layer, head_idx, score}',
  ],
  ['{"concept": [{"layer": 0, "head_idx": 0, "score": 1}], "token": []}', 'scores 1 concept heads, and the model has'],
])('heads.json as %s is refused', (content, sentence) => {
  const file = join(temporaryFolder(), 'heads.json');
  writeFileSync(file, content);
  expect(() => readHeads(file, opened(goldenPath('llama-gqa')).config)).toThrow(sentence);
});
