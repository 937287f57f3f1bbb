/**
 * SparseGPT, ALPS and MOSP of one layer: `cria-prune-layer.mjs MODEL TEXT LAYER LINEAR SPARSITY THREADS FOLDER`. Writes what
 * a peer needs for the same problem into FOLDER.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silent } from '../dist/base/index.js';
import { layerError, openLayerEngine } from '../dist/methods/mosp/engine.js';
import { layerDefaults, prepareGroup, pruneByAlps, pruneLayer } from '../dist/methods/mosp/layer.js';
import { pruneBySparseGpt } from '../dist/methods/mosp/sparsegpt.js';
import { openStreams } from '../dist/methods/mosp/streams.js';
import { inputPathOf, linearShapes, loadModel } from '../dist/model/index.js';
import { openTokenizer } from '../dist/tokenizer/index.js';
import { textWindows } from '../dist/train/index.js';

const [path, text, layer, linear, share, threads, folder] = process.argv.slice(2);
const model = loadModel(path, { threads: Number(threads), precision: 'f32' });
const tokenizer = openTokenizer(model.checkpoint.tokenizer, model.checkpoint.generation);
const all = await textWindows(text, tokenizer, { samples: 16, sequence: 256 }, silent);
const halves = [all.slice(0, 8), all.slice(8)].map((windows, i) => ({ name: String(i), windows }));
const streams = openStreams(model, halves, '');
for (let i = 0; i < Number(layer); i++) await streams.advance(() => undefined);
const moments = (await streams.moments([inputPathOf[linear]])).get(inputPathOf[linear]);
await streams.dispose();
const [rows, columns] = linearShapes(model.config)[linear];
const dense = { rows, columns, data: model.checkpoint.readFloat32(`model.layers.${layer}.${linear}.weight`) };
model.close();

const engine = await openLayerEngine({ threads: Number(threads) });
const sparsity = { kind: 'unstructured', share: Number(share) };
const { sum } = prepareGroup(engine, moments);
writeFileSync(join(folder, 'weights.bin'), dense.data);
writeFileSync(join(folder, 'moment.bin'), sum.data);
writeFileSync(join(folder, 'shape.json'), JSON.stringify({ rows, columns }));
const options = { ...layerDefaults, sparsity };
const methods = {
  sparsegpt: () => pruneBySparseGpt(engine, dense, sum, sparsity),
  alps: () => pruneByAlps(engine, dense, prepareGroup(engine, [sum]).shared, options),
  mosp: async () => (await pruneLayer(engine, dense, prepareGroup(engine, moments), options)).shared,
};
const result = {};
for (const [name, method] of Object.entries(methods)) {
  let [seconds, weights] = [Number.POSITIVE_INFINITY];
  for (let i = 0; i < 3; i++) {
    const begun = performance.now();
    weights = await method();
    seconds = Math.min(seconds, (performance.now() - begun) / 1000);
  }
  const kept = weights.data.reduce((count, x) => count + (x === 0 ? 0 : 1), 0);
  result[name] = { seconds, error: await layerError(engine, weights, dense, sum), kept };
}
console.log(JSON.stringify({ ...result, rows, columns, peakRssMb: process.resourceUsage().maxRSS / 1000 }));
await engine.dispose();
