import { expect, test } from 'vitest';
import { toAdapter } from './adapter.ts';
import type { InputGroup } from './groups.ts';
import type { Pca } from './incremental-pca.ts';

const group: InputGroup = {
  layer: 0,
  path: 'attention.input',
  width: 2,
  modules: ['q', 'k', 'v'].map((name) => ({ name, out: 3 })),
};
const pca: Pca = {
  seen: 4,
  mean: new Float64Array(2),
  spread: 20,
  values: Float64Array.of(16, 4),
  components: { rows: 2, columns: 2, data: Float32Array.of(1, 0, 0, 1) },
  converged: [true, true],
};
const ranks = new Map([
  ['q', 2],
  ['k', 1],
  ['v', 0],
]);

test('A is the first components, B is zero, the scale is 1, and rank 0 is left out', () => {
  const { modules } = toAdapter('base', [group], [pca], ranks, false);
  expect([...modules.keys()]).toEqual(['q', 'k']);
  expect(modules.get('q')).toEqual({
    ...{ rank: 2, alpha: 2, scale: 1, inner: 2, out: 3 },
    ...{ a: Float32Array.of(1, 0, 0, 1), b: new Float32Array(6) },
  });
  expect(modules.get('k')?.a).toEqual(Float32Array.of(1, 0));
});

test('modules that share an input are whitened once each, and what was seen stays as it was', () => {
  const { modules } = toAdapter('base', [group], [pca], ranks, true);
  expect(modules.get('q')?.a).toEqual(Float32Array.of(1 / 4, 0, 0, 1 / 2));
  expect(modules.get('k')?.a).toEqual(Float32Array.of(1 / 4, 0));
  expect(pca.components.data).toEqual(Float32Array.of(1, 0, 0, 1));
});

test('an adapter of nothing is refused', () => {
  expect(() => toAdapter('base', [group], [undefined], ranks, false)).toThrow('no input of the targets varies');
});
