/**
 * Resident memory of a served model with LoRA adapters of one base, after a text of each, as one line of JSON.
 *
 *   node --expose-gc bench/serve-adapters.mjs MODEL [--adapters 2] [--rank 16] [--alone]
 *
 * The adapters are arbitrary numbers for the query, value and output projections. With --alone each is opened as a model of
 * its own instead, as an adapter is that cannot share the weights of its base.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { randomFrom } from 'cria/base';
import { writeAdapter } from 'cria/checkpoint';
import { loadModel, openIncrementalDecoder } from 'cria/model';
import { openModels } from 'cria/serve';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    adapters: { type: 'string', default: '2' },
    rank: { type: 'string', default: '16' },
    alone: { type: 'boolean', default: false },
  },
});
const [path] = positionals;
const rank = Number(values.rank);
const folder = mkdtempSync(join(tmpdir(), 'cria-adapters-'));
const { config, close } = loadModel(path);
close();
const names = Array.from({ length: Number(values.adapters) }, (_, i) => `lora${i}`);
for (const [i, name] of names.entries()) await writeAdapter(join(folder, name), lora(randomFrom(i)));
const adapters = names.map((name) => join(folder, name));

const slots = 8;
const held = []; // what is not held may be freed
if (values.alone) {
  for (const each of [[], ...adapters.map((adapter) => [adapter])]) {
    const decoder = await openIncrementalDecoder(loadModel(path, { adapters: each }), { together: slots });
    held.push(decoder);
    await decoder.extend([{ sequence: decoder.open(), ids: [1, 2, 3] }]);
  }
} else {
  const models = await openModels([path], { slots, adapters: names.map((name, i) => `${name}=${adapters[i]}`) });
  held.push(...models);
  for (const { slots: own, gates } of models) for await (const _ of own.write([1, 2, 3], { maxTokens: 2, gates }));
}
globalThis.gc?.();
rmSync(folder, { recursive: true });
const megabytes = (bytes) => Math.round(bytes / 1e6);
console.log(
  JSON.stringify({ adapters: names.length, alone: values.alone, residentMb: megabytes(process.memoryUsage.rss()) }),
);
process.exit(0);

function lora(random) {
  const { hiddenSize, headSize, heads, keyValueHeads } = config;
  const numbers = (length) => Float32Array.from({ length }, () => (random() - 0.5) / 50);
  const sizes = {
    q_proj: [hiddenSize, heads * headSize],
    v_proj: [hiddenSize, keyValueHeads * headSize],
    o_proj: [heads * headSize, hiddenSize],
  };
  const modules = Array.from({ length: config.layers }, (_, layer) =>
    Object.entries(sizes).map(([name, [inner, out]]) => [
      `model.layers.${layer}.self_attn.${name}`,
      { rank, alpha: rank, scale: 1, inner, out, a: numbers(rank * inner), b: numbers(out * rank) },
    ]),
  );
  return { kind: 'lora', base: 'a base', modules: new Map(modules.flat()), rslora: false };
}
