/**
 * GGUF files under llama.cpp (through node-llama-cpp) beside cria's float32 reading of the same files, on the first tokens of a
 * text: mean negative log-likelihood, and the likeliest token where cria's two best logits are clearly apart.
 *
 *   node bench/gguf-in-llama-cpp.mjs FILE.gguf… --modules DIR --text FILE [--tokens 250] [--clear 0.2]
 *
 * DIR is where `npm install node-llama-cpp` was run. llama.cpp rounds activations to 8 bits. Needs `npm run build`.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    modules: { type: 'string' },
    text: { type: 'string' },
    tokens: { type: 'string', default: '250' },
    clear: { type: 'string', default: '0.2' },
  },
});
const { loadModel, openForward } = await import('../dist/model/index.js');
const { openTokenizer } = await import('../dist/tokenizer/index.js');
const peer = createRequire(join(resolve(values.modules), 'x.js')).resolve('node-llama-cpp');
const { getLlama } = await import(pathToFileURL(peer).href);
const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false, logLevel: 'error' });

for (const path of positionals) {
  const model = loadModel(path, { precision: 'f32' });
  const { tokenizer, generation } = model.checkpoint;
  const all = openTokenizer(tokenizer, generation).encode(readFileSync(values.text, 'utf8'), { special: false });
  const ids = all.slice(0, Number(values.tokens));
  const forward = await openForward(model);
  const { lastHidden } = await forward.run([ids]);
  const logits = await forward.logits(lastHidden.data);
  await forward.dispose();
  model.close();

  const loaded = await llama.loadModel({ modelPath: resolve(path) });
  const context = await loaded.createContext({ contextSize: ids.length, batchSize: ids.length });
  const asked = ids.map((id) => [id, { generateNext: { probabilities: true } }]);
  const answers = await context.getSequence().controlledEvaluate(asked);
  const sums = { cria: 0, llamaCpp: 0, same: 0, clear: 0 };
  for (const [i, next] of ids.slice(1).entries()) {
    const row = logits.subarray((i * logits.length) / ids.length, ((i + 1) * logits.length) / ids.length);
    const [best, second] = row.toSorted((a, b) => b - a);
    const normaliser = best + Math.log(row.reduce((sum, each) => sum + Math.exp(each - best), 0));
    const { probabilities } = answers[i].next;
    sums.cria += normaliser - row[next];
    sums.llamaCpp -= Math.log(probabilities.get(next));
    if (best - second < Number(values.clear)) continue;
    sums.clear++;
    const [likeliest] = [...probabilities].reduce((a, b) => (b[1] > a[1] ? b : a));
    if (row[likeliest] === best) sums.same++;
  }
  const n = ids.length - 1;
  console.log(
    JSON.stringify({ path, n, cria: sums.cria / n, llamaCpp: sums.llamaCpp / n, same: sums.same, clear: sums.clear }),
  );
  await context.dispose();
  await loaded.dispose();
}
process.exit(0);
