import { expect, test } from 'vitest';
import { torchNormal } from './torch-normal.ts';

// made with torch 2.15: torch.manual_seed(42); torch.randn(count, dtype=…)
test.each([
  ['f32', 16, [1.9269152879714966, 1.4872840642929077, -0.7521352767944336], 0.7624453902244568],
  ['f32', 37, [1.9269152879714966, 1.4872840642929077, -0.7521352767944336], 1.1789509057998657],
  ['f64', 16, [0.2995562877502637, 0.24237779080894106, 0.17347640142361004], -1.4920727283504345],
  ['f64', 37, [0.2995562877502637, 0.24237779080894106, 0.17347640142361004], 1.5695068008576476],
] as const)('%s numbers are those of PyTorch, for %i of them', (type, count, begin, end) => {
  const values = torchNormal(count, type, 42);
  const digits = type === 'f32' ? 5 : 14; // PyTorch computes logarithms and cosines in float32 there
  for (const [i, at] of [0, 1, 8].entries()) expect(values[at]).toBeCloseTo(begin[i] as number, digits);
  expect(values[count - 1]).toBeCloseTo(end, digits);
});

// torch.randn(count, dtype=…) for 1, 4 and 15; in float32 they are the same numbers, rounded
test.each([
  [1, 0.33669035438385886, 0.33669035438385886],
  [4, 0.33669035438385886, 0.2303330279146119],
  [15, 0.33669035438385886, -0.9889598811465726],
])('of fewer than 16, %i numbers begin and end as those of PyTorch', (count, begin, end) => {
  for (const type of ['f32', 'f64'] as const) {
    const values = torchNormal(count, type, 42);
    expect(values).toHaveLength(count);
    expect(values[0]).toBeCloseTo(begin, 14);
    expect(values[count - 1]).toBeCloseTo(end, 14);
  }
});

test('numbers far into the stream are those of PyTorch too', () => {
  const [single, double] = [torchNormal(1536 * 64, 'f32', 42), torchNormal(1536 * 64, 'f64', 42)];
  expect(single[700 * 64 + 5]).toBeCloseTo(-1.048912525177002, 5);
  expect(double[700 * 64 + 5]).toBeCloseTo(-0.5545296743737181, 14);
  expect(double.reduce((sum, x) => sum + x)).toBeCloseTo(-183.7625545022957, 9);
});
