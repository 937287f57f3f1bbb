import { expect, test } from 'vitest';
import { fitsGlob } from './glob.ts';

test.each([
  ['model.layers.0.mlp.down_proj.weight', '*.down_proj.weight', true],
  ['model.layers.0.mlp.down_proj.weight', 'model.layers.?.mlp*', true],
  ['model.layers.10.mlp.down_proj.weight', 'model.layers.?.mlp*', false],
  ['a.weight', 'aXweight', false],
  ['aXweight', 'a.weight', false],
  ['a*b', 'a*b', true],
])('%s and %s: %s', (name, glob, fits) => {
  expect(fitsGlob(name, glob)).toBe(fits);
});
