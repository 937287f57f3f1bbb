/**
 * Writes the first token that llama.cpp (through node-llama-cpp) makes of a prompt, and ends: how long a user waits for it.
 *
 *   node llama-first.mjs MODEL.gguf PROMPT --modules DIR [--threads 2]
 *
 * DIR is where `npm install node-llama-cpp` was run.
 */
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { modules: { type: 'string' }, threads: { type: 'string', default: '2' } },
});
const [modelPath, prompt] = positionals;
if (!modelPath || !prompt || !values.modules) {
  console.error('usage: node llama-first.mjs MODEL.gguf PROMPT --modules DIR [--threads 2]');
  process.exit(2);
}
const entry = join(resolve(values.modules), 'node_modules', 'node-llama-cpp', 'dist', 'index.js');
const { getLlama } = await import(pathToFileURL(entry).href);
const threads = Number(values.threads);
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, progressLogs: false });
const model = await llama.loadModel({ modelPath: resolve(modelPath) });
const context = await model.createContext({ contextSize: 512, threads: { ideal: threads, min: threads } });
const generated = context.getSequence().evaluate(model.tokenize(prompt), { temperature: 0, yieldEogToken: true });
process.stdout.write(`${model.detokenize([(await generated.next()).value])} `);
process.exit(0);
