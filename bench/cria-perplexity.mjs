/**
 * Perplexity over arbitrary ids under the plan that cria chooses, as one line of JSON: for checkpoints of random
 * weights, which have no tokenizer.
 *
 *   node cria-perplexity.mjs MODEL [--tokens 256] [--threads 2]
 */
import { parseArgs } from 'node:util';
import { perplexity } from 'cria/evaluate';
import { loadModel, openForward } from 'cria/model';
import { round } from './measure.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { tokens: { type: 'string', default: '256' }, threads: { type: 'string', default: '2' } },
});
const tokens = Number(values.tokens);
const ids = Array.from({ length: tokens }, (_, i) => 1000 + ((i * 7919) % 20000));

const started = performance.now();
const model = loadModel(positionals[0], { threads: Number(values.threads) });
const forward = await openForward(model);
const result = await perplexity(forward, ids, { context: tokens });
console.log(
  JSON.stringify({
    plan: forward.plan,
    perplexity: result.perplexity,
    predicted: result.predicted,
    seconds: round((performance.now() - started) / 1000),
    peakRssMb: round(process.resourceUsage().maxRSS / 1024),
  }),
);
await forward.dispose();
model.close();
