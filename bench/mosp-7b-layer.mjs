/**
 * MOSP on matrices of the shape of Llama-2-7B, with random weights and second moments (autoregressive inputs with channels of
 * different size): memory at its peak, and time. One part a process:
 *
 *   node bench/mosp-7b-layer.mjs attention [--matrices 3]   query, key and value of one block, all stages, two objectives
 *   node bench/mosp-7b-layer.mjs down [--iterations 3]      the down projection, iterations of stage 1 alone
 *
 * --threads N. Needs `npm run build`.
 */
import { parseArgs } from 'node:util';
import { normalFrom, randomFrom } from '../dist/base/index.js';
import { openLayerEngine } from '../dist/methods/mosp/engine.js';
import { layerDefaults, prepareGroup, pruneLayer } from '../dist/methods/mosp/layer.js';
import { patternOf } from '../dist/methods/mosp/pattern.js';
import { intoScale } from '../dist/methods/mosp/problem.js';
import { splitDual } from '../dist/methods/mosp/splitting.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: 'string', default: '2' },
    matrices: { type: 'string', default: '3' },
    iterations: { type: 'string', default: '3' },
  },
});
const sparsity = { kind: 'unstructured', share: 0.7 };
const correlation = 0.4;
const engine = await openLayerEngine({ threads: Number(values.threads), takesTurns: true });

const matrixOf = (rows, columns, seed) => ({
  rows,
  columns,
  data: Float32Array.from({ length: rows * columns }, normalFrom(randomFrom(seed))),
});

/** The second moment of an autoregressive process, with own channel sizes. */
function momentOf(n, seed) {
  const sizes = matrixOf(1, n, seed).data.map((x) => Math.exp(0.5 * x));
  const data = new Float32Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) data[i * n + j] = correlation ** Math.abs(i - j) * sizes[i] * sizes[j];
  }
  return { rows: n, columns: n, data };
}

async function attention() {
  const group = prepareGroup(engine, [momentOf(4096, 1), momentOf(4096, 2)]);
  const matrices = [];
  for (let i = 0; i < Number(values.matrices); i++) {
    const begun = performance.now();
    const options = { ...layerDefaults, sparsity };
    const { primary, seconds } = await pruneLayer(engine, matrixOf(4096, 4096, 10 + i), group, options);
    matrices.push({ iterations: primary.iterations, stages: seconds, seconds: (performance.now() - begun) / 1000 });
  }
  return { matrices };
}

async function down() {
  const dense = matrixOf(4096, 11_008, 10);
  const { shared } = prepareGroup(engine, [momentOf(11_008, 1), momentOf(11_008, 2)]);
  const scaled = intoScale(dense, shared.scale);
  const g = await engine.product(scaled, shared.moment);
  const pattern = patternOf(sparsity, { ...dense, alpha: layerDefaults.alpha });
  const enough = new Error('enough iterations');
  const times = [];
  const inverse = async (rho) => {
    times.push(performance.now());
    if (times.length > Number(values.iterations)) throw enough;
    return shared.inverse(rho);
  };
  await splitDual(engine, { dense: scaled, g, inverse, pattern }, { core: true }).catch((error) => {
    if (error !== enough) throw error;
  });
  return { iterations: times.slice(1).map((time, i) => (time - times[i]) / 1000) };
}

const parts = { attention, down };
const result = await parts[positionals[0]]();
console.log(JSON.stringify({ part: positionals[0], ...result, peakMb: process.resourceUsage().maxRSS / 1000 }));
await engine.dispose();
