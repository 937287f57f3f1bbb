import { normalFrom, randomFrom } from '../../../src/base/index.ts';
import type { Floats } from '../../../src/methods/mosp/problem.ts';

const [correlation, spread] = [0.3, 0.8];

const normals = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, normalFrom(randomFrom(seed)));

export const matrixOf = (rows: number, columns: number, seed: number): Floats => ({
  rows,
  columns,
  data: normals(rows * columns, seed),
});

/**
 * The second moments of `tasks` sets of inputs that are correlated along the channels (an autoregressive process of
 * coefficient 0.3), each task with own channel scales, and the weights of a layer over them.
 */
export function correlatedTasks(
  { inputs = 96, outputs = 80, tasks = 3, samples = 400 } = {},
  seed = 1,
): { dense: Floats; moments: Floats[]; rows: Floats[] } {
  const rows = Array.from({ length: tasks }, (_, task) => {
    const noise = normals(samples * inputs, 100 * seed + task);
    const scales = normals(inputs, 100 * seed + 50 + task).map((x) => Math.exp(spread * x));
    const data = new Float32Array(samples * inputs);
    for (let i = 0; i < samples; i++) {
      let state = noise[i * inputs] as number;
      for (let j = 0; j < inputs; j++) {
        state = correlation * state + Math.sqrt(1 - correlation ** 2) * (noise[i * inputs + j] as number);
        data[i * inputs + j] = state * (scales[j] as number);
      }
    }
    return { rows: samples, columns: inputs, data };
  });
  return { dense: matrixOf(outputs, inputs, 7 * seed), moments: rows.map(secondMoment), rows };
}

/** X^T X. */
function secondMoment({ rows, columns, data }: Floats): Floats {
  const sums = new Float64Array(columns * columns);
  for (let r = 0; r < rows; r++) {
    for (let i = 0; i < columns; i++) {
      const x = data[r * columns + i] as number;
      for (let j = 0; j < columns; j++) {
        sums[i * columns + j] = (sums[i * columns + j] as number) + x * (data[r * columns + j] as number);
      }
    }
  }
  return { rows: columns, columns, data: Float32Array.from(sums) };
}

export function diagonalMoment(values: ArrayLike<number>): Floats {
  const n = values.length;
  const data = new Float32Array(n * n);
  for (let i = 0; i < n; i++) data[i * n + i] = values[i] as number;
  return { rows: n, columns: n, data };
}
