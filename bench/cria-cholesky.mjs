/** Seconds of a Cholesky factor with its inverse, and of the inverse of the matrix: `cria-cholesky.mjs SIZE THREADS`. */
import { openCholesky } from '../dist/linalg/index.js';

const [n, threads] = process.argv.slice(2).map(Number);
const result = {};
for (const [precision, Numbers] of Object.entries({ f32: Float32Array, f64: Float64Array })) {
  const solver = await openCholesky(precision, { threads });
  const a = { rows: n, columns: n, data: new Numbers(n * n) };
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) a.data[i * n + j] = 0.99 ** Math.abs(i - j) + (i === j ? 0.01 : 0);
  }
  result[precision] = {
    factor: await fastest(() => solver.factor(a)),
    inverse: await fastest(() => solver.inverse(a)),
  };
  await solver.dispose();
}
console.log(JSON.stringify({ ...result, peakRssMb: process.resourceUsage().maxRSS / 1000 }));

async function fastest(work) {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 4; i++) {
    const begun = performance.now();
    await work();
    least = Math.min(least, (performance.now() - begun) / 1000);
  }
  return least;
}
