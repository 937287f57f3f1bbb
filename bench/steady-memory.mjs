/**
 * Whether memory stays flat: generates many texts of varied lengths and tells the resident memory after every hundredth
 * of the work. A tokenizer is not needed, so any checkpoint will do.
 *
 *   node --expose-gc bench/steady-memory.mjs MODEL [--texts 500] [--tokens 12] [--prompt 40]
 *
 * Prints one JSON object: the medians of the second and of the last fifth of the samples in bytes, their ratio, and the
 * samples.
 */
import { parseArgs } from 'node:util';
import { randomFrom } from 'cria/base';
import { generate, newSession } from 'cria/generate';
import { loadModel, openIncrementalDecoder } from 'cria/model';
import { median } from './measure.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    texts: { type: 'string', default: '500' },
    tokens: { type: 'string', default: '12' },
    prompt: { type: 'string', default: '40' },
  },
});
const [path] = positionals;
const [texts, tokens, longest] = [values.texts, values.tokens, values.prompt].map(Number);
if (!path || ![texts, tokens, longest].every((count) => Number.isInteger(count) && count > 0)) {
  console.error('usage: node --expose-gc bench/steady-memory.mjs MODEL [--texts 500] [--tokens 12] [--prompt 40]');
  process.exit(2);
}

const model = loadModel(path);
const cached = await openIncrementalDecoder(model);
const silent = { special: { eos: [] }, stream: () => ({ push: () => '', finish: () => '' }) };
const random = randomFrom(1);
const upTo = (count) => 1 + Math.floor(random() * count);
let session = newSession(model, silent, cached);
const samples = [];
const every = Math.max(1, Math.floor(texts / 100));
for (let i = 0; i < texts; i++) {
  if (i % 2 === 0) session = newSession(model, silent, cached); // every other text goes on in the session before
  const prompt = Array.from({ length: upTo(longest) }, () => Math.floor(random() * model.config.vocabulary));
  const options = { maxTokens: upTo(tokens), temperature: i % 3, topP: 0.9, seed: i };
  for await (const _ of generate(session, prompt, options));
  if (i % every !== 0) continue;
  globalThis.gc?.();
  samples.push(process.memoryUsage.rss());
}
await cached.dispose();
model.close();

const fifth = Math.ceil(samples.length / 5);
const [second, last] = [median(samples.slice(fifth, 2 * fifth)), median(samples.slice(-fifth))];
console.log(JSON.stringify({ second, last, ratio: last / second, samples }));
