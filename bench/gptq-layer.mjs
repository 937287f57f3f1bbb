/**
 * GPTQ of one layer problem by cria and by its authors' algorithm in PyTorch, in one run: error in the outputs and time.
 *
 *   node bench/gptq-layer.mjs --python PYTHON [--out 576] [--inner 1536] [--tokens 8192] [--group 128] [--repeats 3]
 *
 * Weights are normal, inputs a random mixture of normal numbers, both from a fixed seed and given to both programs. PYTHON has
 * torch and numpy. Needs `npm run build`.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const number = (value) => ({ type: 'string', default: String(value) });
const { values } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    ...{ out: number(576), inner: number(1536), tokens: number(8192), group: number(128), repeats: number(3) },
  },
});
const [out, inner, tokens, group, repeats] = ['out', 'inner', 'tokens', 'group', 'repeats'].map((name) =>
  Number(values[name]),
);
const { normalFrom, randomFrom } = await import('../dist/base/index.js');
const { compile, value } = await import('../dist/engine/index.js');
const { input, matmul } = await import('../dist/tensor/index.js');
const { openGptq, openOutputErrors } = await import('../dist/quantize/index.js');

const normal = normalFrom(randomFrom(0));
const drawn = (count, scale = 1) => Float32Array.from({ length: count }, () => scale * normal());
const data = drawn(out * inner, 0.05);
const mixture = drawn(inner * inner, 1 / Math.sqrt(inner));
for (let i = 0; i < inner; i++) mixture[i * inner + i] += 1;
const program = await compile({
  moment: matmul(
    matmul(input('z', 'f32', [tokens, inner]), input('m', 'f32', [inner, inner])),
    matmul(input('z', 'f32', [tokens, inner]), input('m', 'f32', [inner, inner])),
    { transA: true },
  ),
});
const feeds = {
  z: value('f32', [tokens, inner], drawn(tokens * inner)),
  m: value('f32', [inner, inner], mixture),
};
const { moment } = await program.run(feeds);
await program.dispose();

const matrix = { out, inner, data };
const inputs = { tokens, secondMoment: moment.data, absolute: new Float32Array(inner) };
const [gptq, errors] = [await openGptq(), await openOutputErrors()];
const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];

const folder = mkdtempSync(join(tmpdir(), 'cria-gptq-'));
writeFileSync(join(folder, 'weights.bin'), data);
writeFileSync(join(folder, 'moment.bin'), moment.data);
const rows = [];
for (const bits of [4, 3]) {
  const options = { bits, group, asymmetric: false, actOrder: false, staticGroups: false, damp: 0.01 };
  const seconds = [];
  let error;
  for (let i = 0; i < repeats; i++) {
    const begun = performance.now();
    const { values: decoded } = await gptq.quantize(matrix, inputs, options);
    seconds.push((performance.now() - begun) / 1000);
    error = await errors.relative(matrix, decoded, inputs);
  }
  const script = resolve(import.meta.dirname, 'peers/gptq_layer.py');
  const argv = [script, folder, out, inner, bits, group, repeats].map(String);
  const { stdout, stderr, status } = spawnSync(values.python, argv, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  rows.push({ bits, cria: { error, seconds: median(seconds) }, torch: JSON.parse(stdout) });
}
rmSync(folder, { recursive: true });
await Promise.all([gptq.dispose(), errors.dispose()]);
console.log(JSON.stringify({ out, inner, tokens, group, repeats, rows }, undefined, 2));
