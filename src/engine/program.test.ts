import { expect, test } from 'vitest';
import { add, input } from '../tensor/index.ts';
import { compile } from './program.ts';
import { type Value, value } from './values.ts';

const numbers = (result: Value | undefined) => [...(result as Value<'f32'>).data];

test('a graph adds what it is fed to what is bound', async () => {
  const sum = add(input('x', 'f32', ['n', 2]), input('w', 'f32', [2]));
  const program = await compile(
    { sum },
    { weights: (name) => (name === 'w' ? value('f32', [2], Float32Array.of(10, 20)) : undefined) },
  );
  expect([...program.inputs.keys()]).toEqual(['x']);
  const one = await program.run({ x: value('f32', [1, 2], Float32Array.of(1, 2)) });
  const two = await program.run({ x: value('f32', [2, 2], Float32Array.of(1, 2, 3, 4)) });
  expect(numbers(one.sum)).toEqual([11, 22]);
  expect(numbers(two.sum)).toEqual([11, 22, 13, 24]);
  await program.dispose();
});

test('a result can be written over an input of an elementwise graph', async () => {
  const program = await compile({ y: add(input('x', 'f32', [3]), 1) });
  const x = value('f32', [3], Float32Array.of(1, 2, 3));
  await program.run({ x }, { y: x });
  expect(numbers(x)).toEqual([2, 3, 4]);
  await program.dispose();
});

test('a missing input and one of another type are named', async () => {
  const program = await compile({ y: add(input('x', 'f32', [1]), 1) });
  await expect(program.run({})).rejects.toThrow('the input x of the graph is missing');
  await expect(program.run({ x: value('f64', [1], Float64Array.of(1)) })).rejects.toThrow(
    'the input x must be f32 (got f64)',
  );
  await program.dispose();
});
