/**
 * What cria makes of a model, as one line of JSON.
 *
 *   node cria-generate.mjs MODEL [--precision auto|f32|q8|q4] [--threads 2] [--prompt 256] [--tokens 128] [--repeats 3]
 *
 * Prompt, counting and medians are those of peers/llama-cpp.mjs; the end of a text does not end the generation.
 * bytesPerToken is what one decoded token reads: every weight (the tables of a model with tied embeddings are its
 * head) and keys and values at the middle of the generation.
 */
import { parseArgs } from 'node:util';
import { open } from 'cria';
import { generate, newSession } from 'cria/generate';
import { openIncrementalDecoder } from 'cria/model';
import { arbitraryIds, generationFigures } from './measure.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    precision: { type: 'string', default: 'auto' },
    threads: { type: 'string', default: '2' },
    prompt: { type: 'string', default: '256' },
    tokens: { type: 'string', default: '128' },
    repeats: { type: 'string', default: '3' },
  },
});
const { precision } = values;
const [threads, promptLength, tokens, repeats] = [values.threads, values.prompt, values.tokens, values.repeats].map(
  Number,
);

const { loaded, tokenizer } = await open(positionals[0], { precision, threads });
const cached = await openIncrementalDecoder(loaded);
const endless = { ...tokenizer, special: { ...tokenizer.special, eos: [] } };
const prompt = arbitraryIds(promptLength);

const { layers, keyValueHeads, headSize } = loaded.config;
const cacheBytes = (promptLength + tokens / 2) * layers * 2 * keyValueHeads * headSize * 4;
const figures = await generationFigures(measure, { prompt: promptLength, tokens, repeats });

console.log(
  JSON.stringify({
    peer: 'cria',
    precision,
    threads,
    ...figures,
    bytesPerToken: loaded.bound().bytes + cacheBytes,
  }),
);
await cached.dispose();

/** Generates once from an empty cache. */
async function measure() {
  const pieces = generate(newSession(loaded, endless, cached), prompt, { maxTokens: tokens });
  for (;;) {
    const { done, value } = await pieces.next();
    if (done) return value;
  }
}
