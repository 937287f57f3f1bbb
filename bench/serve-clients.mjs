/**
 * What a running server gives to its clients, as one line of JSON.
 *
 *   node bench/serve-clients.mjs http://127.0.0.1:8080 [--tokens 64] [--rounds 3]
 *
 * Rounds take turns: one client, then eight at once, each writing `tokens` tokens (the end of a text is forbidden where a round
 * counts). Then the time to the first token of a prompt of about 1,000 tokens, and of another one that begins alike.
 */
import { parseArgs } from 'node:util';
import { median, round } from './measure.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { tokens: { type: 'string', default: '64' }, rounds: { type: 'string', default: '3' } },
});
const [url, tokens] = [positionals[0], Number(values.tokens)];
const { data } = await (await fetch(`${url}/v1/models`)).json();
const model = data[0].id;

const figures = { one: [], eight: [], ratio: [] };
await tokensPerSecond(1);
await tokensPerSecond(8);
for (let i = 0; i < Number(values.rounds); i++) {
  const one = await tokensPerSecond(1);
  const eight = await tokensPerSecond(8);
  figures.one.push(one);
  figures.eight.push(eight);
  figures.ratio.push(eight / one);
}
const shared = Array.from({ length: 1000 }, (_, i) => `word${i % 97}`)
  .join(' ')
  .slice(0, 3400);
const first = await firstToken(`${shared} first`);
const again = [];
for (let i = 0; i < 5; i++) again.push(await firstToken(`${shared} number ${i}`));
console.log(
  JSON.stringify({
    model,
    tokens,
    oneTokensPerSecond: figures.one.map(round),
    eightTokensPerSecond: figures.eight.map(round),
    ratio: figures.ratio.map((each) => Math.round(each * 100) / 100),
    firstTokenSeconds: first,
    firstTokenSharedSeconds: median(again.map(({ seconds }) => seconds)),
    shared: again.map(({ cached }) => cached),
  }),
);

async function tokensPerSecond(clients) {
  const begun = performance.now();
  const counts = await Promise.all(
    Array.from({ length: clients }, (_, i) => complete(`Client ${i} tells a story about`, tokens)),
  );
  return counts.reduce((a, b) => a + b) / ((performance.now() - begun) / 1000);
}

async function complete(prompt, max_tokens) {
  const body = JSON.stringify({ model, prompt, max_tokens, temperature: 1, seed: 1 });
  const { usage } = await (await fetch(`${url}/v1/completions`, { method: 'POST', body })).json();
  return usage.completion_tokens;
}

async function firstToken(prompt) {
  const begun = performance.now();
  const body = JSON.stringify({ model, prompt, max_tokens: 1, temperature: 0 });
  const { usage } = await (await fetch(`${url}/v1/completions`, { method: 'POST', body })).json();
  return { seconds: (performance.now() - begun) / 1000, cached: usage.prompt_tokens_details.cached_tokens };
}
