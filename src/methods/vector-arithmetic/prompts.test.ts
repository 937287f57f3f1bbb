import { expect, test } from 'vitest';
import { randomFrom } from '../../base/index.ts';
import { conceptPair, drawEntities, entityLengths, entityPrompts, randomEntities, tokenPair } from './prompts.ts';

const parts = { beginning: 1, newline: 2, filler: Array.from({ length: 500 }, (_, i) => 10 + (i % 90)), length: 30 };

test.each(entityLengths)(
  'prompts of %d tokens have equal lengths and ends, and no filler begins the entity (oracle 8)',
  (length) => {
    const entity = [11, 12, 13, 14, 15].slice(0, length);
    const random = randomFrom(length);
    for (let i = 0; i < 20; i++) {
      const { clean, corrupted } = entityPrompts(parts, entity, random);
      const filler = clean.slice(1, 31 - length);
      expect(clean).toEqual([1, ...filler, ...entity, 2, ...filler, 11]);
      expect(corrupted).toHaveLength(clean.length);
      expect(corrupted[0]).toBe(1);
      expect(corrupted.slice(31)).toEqual(clean.slice(31));
      expect(corrupted.slice(1, 31)).not.toContain(11);
      expect(filler).not.toContain(11);
    }
  },
);

test('concept prompts ask for the second token after the first, token prompts for the first after the filler (oracle 8)', () => {
  const made = entityPrompts(parts, [11, 12, 13], randomFrom(1));
  expect(conceptPair(made)).toEqual({ clean: made.clean, corrupted: made.corrupted, target: 12 });
  const pair = tokenPair(made);
  expect(pair.target).toBe(11);
  expect([...pair.clean, 11]).toEqual(made.clean);
  expect([...pair.corrupted, 11]).toEqual(made.corrupted);
});

test('every length has its share of the prompts, and names come round', () => {
  const two = [
    [1, 2],
    [3, 4],
  ];
  const drawn = drawEntities([...two, [5, 6, 7], [8], [1, 2, 3, 4, 5, 6]], 9, randomFrom(1), 'names');
  expect(drawn.map(({ length }) => length)).toEqual([2, 2, 2, 2, 3, 3, 3, 3, 3]);
  expect(drawn.slice(0, 2)).toEqual(expect.arrayContaining(two));
  const lengths = randomEntities(parts, 1024, randomFrom(1)).map(({ length }) => length);
  for (const length of entityLengths) expect(lengths.filter((each) => each === length)).toHaveLength(256);
});

test('the same seed gives the same prompts', () => {
  const drawn = () => randomEntities(parts, 8, randomFrom(4));
  expect(drawn()).toEqual(drawn());
  expect(drawn()).not.toEqual(randomEntities(parts, 8, randomFrom(5)));
});

test('too short a filler and names of one token are refused', () => {
  const short = { ...parts, filler: [11, 12, 13] };
  expect(() => entityPrompts(short, [11, 12], randomFrom(1))).toThrow('the filler has 2 tokens that serve');
  expect(() => drawEntities([[1], [2]], 8, randomFrom(1), 'names.txt')).toThrow(
    /names.txt: no entity has 2 to 5 tokens/,
  );
});
