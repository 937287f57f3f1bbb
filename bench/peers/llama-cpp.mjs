/**
 * What llama.cpp (through node-llama-cpp) makes of a GGUF file on the CPU, as one line of JSON.
 *
 *   node llama-cpp.mjs MODEL.gguf --modules DIR [--threads 2] [--prompt 256] [--tokens 128] [--repeats 3]
 *
 * DIR is where `npm install node-llama-cpp` was run. The prompt is fixed, arbitrary ids; generation is greedy.
 * Prefill is the prompt's length over the time to the first token; decode is the tokens after the first over
 * their time, with one cache and the JavaScript binding's work per token included. Medians over the repeats,
 * after one that is not counted. peakRssMb includes the memory-mapped file.
 */
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { arbitraryIds, generationFigures } from '../measure.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    modules: { type: 'string' },
    threads: { type: 'string', default: '2' },
    prompt: { type: 'string', default: '256' },
    tokens: { type: 'string', default: '128' },
    repeats: { type: 'string', default: '3' },
  },
});
const [modelPath] = positionals;
if (!modelPath || !values.modules) {
  console.error('usage: node llama-cpp.mjs MODEL.gguf --modules DIR [--threads --prompt --tokens --repeats]');
  process.exit(2);
}
const [threads, promptLength, tokens, repeats] = [values.threads, values.prompt, values.tokens, values.repeats].map(
  Number,
);

const { version, getLlama } = await importFrom(values.modules, 'node-llama-cpp');
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, progressLogs: false });
const model = await llama.loadModel({ modelPath: resolve(modelPath) });
const context = await model.createContext({
  contextSize: promptLength + tokens,
  batchSize: promptLength,
  threads: { ideal: threads, min: threads },
});
const sequence = context.getSequence();
const prompt = arbitraryIds(promptLength);

const figures = await generationFigures(measure, { prompt: promptLength, tokens, repeats });

console.log(
  JSON.stringify({
    peer: 'node-llama-cpp',
    version,
    llamaCpp: llama.llamaCppRelease.release,
    threads: context.currentThreads,
    ...figures,
  }),
);
process.exit(0);

/** Generates once from an empty cache. */
async function measure() {
  await sequence.clearHistory();
  const generated = sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true });
  const start = performance.now();
  await generated.next();
  const first = performance.now();
  for (let i = 1; i < tokens; i++) await generated.next();
  const end = performance.now();
  await generated.return();
  return { prefillSeconds: (first - start) / 1000, decodeSeconds: (end - first) / 1000 };
}

/** The package `name` as a script in `folder` would import it, and its version. */
async function importFrom(folder, name) {
  const packageFolder = join(resolve(folder), 'node_modules', name);
  const { version, main } = createRequire(import.meta.url)(join(packageFolder, 'package.json'));
  return { version, ...(await import(pathToFileURL(join(packageFolder, main)).href)) };
}
