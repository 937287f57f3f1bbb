import { expect, test } from 'vitest';
import { ggufType, type Placed } from './dtypes.ts';

const matrix = (width: number, rest: Partial<Placed> = {}): Placed => {
  return { shape: [8, width], stored: 'F32', isHead: false, ...rest };
};

test.each([
  ['Q4_1', matrix(256), 'Q4_1'],
  ['Q4_K', matrix(256), 'Q4_K'],
  ['Q4_K', matrix(288), 'Q8_0'], // no whole blocks of 256
  ['Q4_K', matrix(48), 'F16'], // no whole blocks of 32
  ['Q8_0', matrix(256, { isHead: true }), 'Q8_0'],
  ['Q4_0', matrix(256, { isHead: true }), 'Q6_K'],
  ['Q4_0', matrix(288, { isHead: true }), 'Q8_0'],
  ['BF16', matrix(7, { isHead: true }), 'BF16'],
  ['Q4_0', { shape: [256], stored: 'F16', isHead: false }, 'F32'],
  [undefined, matrix(256, { stored: 'Q5_K' }), 'Q5_K'],
] as const)('a file of type %s stores %j as %s', (wanted, placed, type) => {
  expect(ggufType(placed, wanted)).toBe(type);
});
