/**
 * How near cria comes to what PyTorch computed in float32, and its packed weights to float32, as one line of JSON.
 *
 *   node cria-quality.mjs MODEL [--goldens DIR] --text FILE [--tokens 2048] [--precisions auto,q4,q8] [--threads 2]
 *
 * DIR holds logits.json and perplexity.json; without it packed weights alone are compared. Divergence and perplexity of a precision are means over every predicted
 * position of windows of 512 tokens; divergence is KL(float32 || precision) over the whole vocabulary, in nats.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { open } from 'cria';
import { perplexity } from 'cria/evaluate';
import { openForward } from 'cria/model';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    goldens: { type: 'string' },
    text: { type: 'string' },
    tokens: { type: 'string', default: '2048' },
    precisions: { type: 'string', default: 'auto,q4,q8' },
    threads: { type: 'string', default: '2' },
  },
});
const context = 512;
const rowsAtOnce = 64; // logits of 64 rows of a vocabulary of 49,152 take 13 MB
const precisions = values.precisions.split(',');

const model = await open(positionals[0], { precision: 'f32', threads: Number(values.threads) });
const { hiddenSize: width } = model.config;
const exact = await openForward(model.loaded);
const golden = (name) => JSON.parse(readFileSync(join(values.goldens, name), 'utf8'));
const ids = model.tokenizer.encode(readFileSync(values.text, 'utf8'), { special: false });

const likeGoldens = values.goldens ? { ...(await likeLogits()), ...(await likePerplexity()) } : {};
console.log(JSON.stringify({ ...likeGoldens, packed: await likeFloat() }));
await exact.dispose();
await model.close();

/** Largest distance of a logit among the golden's twenty largest, and how many greedy texts are the golden's. */
async function likeLogits() {
  const { completions, chats } = golden('logits.json');
  const texts = [...completions, ...chats];
  let [largestLogitError, identical] = [0, 0];
  for (const text of texts) {
    const { lastHidden } = await exact.run([text.ids]);
    const logits = await exact.logits(lastHidden.data.subarray(-width));
    const errors = text.last_top20_ids.map((id, i) => Math.abs(logits[id] - text.last_top20_logits[i]));
    largestLogitError = Math.max(largestLogitError, ...errors);
    const expected = text.greedy_40_ids;
    const { ids: generated } = await whole(model.generate(text.ids, { maxTokens: expected.length }));
    if (String(generated) === String(expected)) identical++;
  }
  return { texts: texts.length, largestLogitError, identical };
}

async function whole(pieces) {
  for (;;) {
    const { done, value } = await pieces.next();
    if (done) return value;
  }
}

async function likePerplexity() {
  const expected = golden('perplexity.json')['wikitext-2-valid-512'];
  const measured = await perplexity(exact, ids.slice(0, expected.tokens), { context: expected.context });
  return {
    perplexityTokens: expected.tokens,
    perplexity: measured.perplexity,
    perplexityError: Math.abs(measured.perplexity / expected.perplexity - 1),
  };
}

/** Divergence from float32 and perplexity of each packed precision, on the same windows. */
async function likeFloat() {
  const forwards = [];
  for (const precision of precisions) forwards.push(await openForward(model.loaded, { precision }));
  const sums = precisions.map(() => ({ divergence: 0, nll: 0 }));
  let [predicted, exactNll] = [0, 0];
  const tokens = ids.slice(0, Number(values.tokens));
  for (let begin = 0; begin < tokens.length; begin += context) {
    const window = tokens.slice(begin, begin + context);
    const states = [];
    for (const forward of [exact, ...forwards]) states.push((await forward.run([window])).lastHidden.data);
    for (let from = 0; from < window.length - 1; from += rowsAtOnce) {
      const to = Math.min(from + rowsAtOnce, window.length - 1);
      const targets = window.slice(from + 1, to + 1);
      const rows = (state) => state.subarray(from * width, to * width);
      const expected = logProbabilities(await exact.logits(rows(states[0])), targets.length);
      predicted += targets.length;
      exactNll += nll(expected, targets);
      for (const [i, forward] of forwards.entries()) {
        const measured = logProbabilities(await forward.logits(rows(states[i + 1])), targets.length);
        sums[i].nll += nll(measured, targets);
        sums[i].divergence += divergence(expected, measured);
      }
    }
  }
  for (const forward of forwards) await forward.dispose();
  const precise = Math.exp(exactNll / predicted);
  return {
    predicted,
    perplexity: precise,
    precisions: sums.map((sum, i) => {
      const perplexity = Math.exp(sum.nll / predicted);
      return { precision: precisions[i], perplexity, change: perplexity / precise - 1, kl: sum.divergence / predicted };
    }),
  };
}

/** Natural log-probabilities of each row of logits. */
function logProbabilities(logits, rows) {
  const size = logits.length / rows;
  return Array.from({ length: rows }, (_, i) => {
    const row = logits.subarray(i * size, (i + 1) * size);
    const most = row.reduce((a, b) => Math.max(a, b));
    let total = 0;
    for (const logit of row) total += Math.exp(logit - most);
    const normalizer = most + Math.log(total);
    return Float64Array.from(row, (logit) => logit - normalizer);
  });
}

function nll(rows, targets) {
  return -targets.reduce((sum, target, i) => sum + rows[i][target], 0);
}

/** KL divergence of the rows of `q` from those of `p`, summed over rows. */
function divergence(p, q) {
  let sum = 0;
  for (const [row, logP] of p.entries()) {
    const logQ = q[row];
    for (let i = 0; i < logP.length; i++) sum += Math.exp(logP[i]) * (logP[i] - logQ[i]);
  }
  return sum;
}
