import { expect, test } from 'vitest';
import { compile, type Value, value } from '../../src/engine/index.ts';
import { differentiate, input, mul, sum, type Tensor } from '../../src/tensor/index.ts';

test('inputs of one name are one parameter: the gradient is that of all places', async () => {
  const x = () => input('x', 'f64', [3]);
  const [first, y] = [x(), input('y', 'f64', [3])];
  const gradients = differentiate(sum(mul(mul(first, y), x()), [0]), [first]); // d(x y x)/dx = 2 x y
  const program = await compile({ gradient: gradients[0] as Tensor }, { threads: 1 });
  const [xs, ys] = [Float64Array.of(1, -2, 3), Float64Array.of(4, 5, 0.5)];
  const { gradient } = await program.run({ x: value('f64', [3], xs), y: value('f64', [3], ys) });
  expect([...((gradient as Value).data as Float64Array)]).toEqual([8, -20, 3]);
  await program.dispose();
});
