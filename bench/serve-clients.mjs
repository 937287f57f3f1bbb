/**
 * What a running server gives to its clients, as one line of JSON.
 *
 *   node bench/serve-clients.mjs http://127.0.0.1:8080 [--clients 1,8] [--tokens 64] [--prompt 32] [--rounds 3]
 *   node bench/serve-clients.mjs http://127.0.0.1:8080 --shared 1000 [--rounds 5]
 *
 * By itself: rounds take turns between the numbers of clients, each client writing `tokens` tokens after a prompt of its own
 * of `prompt` ids; the end of a text is forbidden. With --shared: the seconds to the first token of a prompt of so many ids, and
 * of other ones that begin with all of them and go on with 16 of their own.
 */
import { parseArgs } from 'node:util';
import { arbitraryIds, round } from './measure.mjs';

/** Tokens a second of `clients` requests at once. */
export async function tokensPerSecond(url, { model, clients, tokens, prompt, forbidden = [] }) {
  const begun = performance.now();
  const logit_bias = Object.fromEntries(forbidden.map((id) => [id, -100]));
  const counts = await Promise.all(
    Array.from({ length: clients }, async (_, i) => {
      const ids = arbitraryIds(prompt).map((id, at) => (at === 0 ? id + i : id));
      const body = { model, prompt: ids, max_tokens: tokens, temperature: 0, logit_bias };
      return (await asked(url, body)).usage.completion_tokens;
    }),
  );
  if (counts.some((count) => count !== tokens)) throw new Error(`texts of ${counts} tokens, not ${tokens}`);
  return counts.reduce((a, b) => a + b) / ((performance.now() - begun) / 1000);
}

/** Seconds to the first token of a prompt that nothing is known of, and of `rounds` that begin with it. */
export async function firstTokens(url, { model, shared, rounds, salt = 0 }) {
  const ids = arbitraryIds(shared).map((id) => id + salt);
  const timed = async (prompt) => {
    const begun = performance.now();
    const { usage } = await asked(url, { model, prompt, max_tokens: 1, temperature: 0 });
    return { seconds: (performance.now() - begun) / 1000, cached: usage.prompt_tokens_details.cached_tokens };
  };
  const first = await timed([...ids, ...Array(16).fill(1000)]);
  const again = [];
  for (let i = 1; i <= rounds; i++) again.push(await timed([...ids, ...Array(16).fill(1000 + i)]));
  return { first, again };
}

async function asked(url, body) {
  const response = await fetch(`${url}/v1/completions`, { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return response.json();
}

if (process.argv[1] === import.meta.filename) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      clients: { type: 'string', default: '1,8' },
      tokens: { type: 'string', default: '64' },
      prompt: { type: 'string', default: '32' },
      rounds: { type: 'string', default: '3' },
      shared: { type: 'string' },
    },
  });
  const [url] = positionals;
  const { data } = await (await fetch(`${url}/v1/models`)).json();
  const model = data[0].id;
  const rounds = Number(values.rounds);
  if (values.shared) {
    console.log(
      JSON.stringify({ model, ...(await firstTokens(url, { model, shared: Number(values.shared), rounds })) }),
    );
  } else {
    const [tokens, prompt] = [Number(values.tokens), Number(values.prompt)];
    const figures = Object.fromEntries(values.clients.split(',').map((clients) => [clients, []]));
    for (let i = 0; i <= rounds; i++) {
      for (const clients of Object.keys(figures)) {
        const measured = await tokensPerSecond(url, { model, clients: Number(clients), tokens, prompt });
        if (i > 0) figures[clients].push(round(measured)); // the first round warms up
      }
    }
    console.log(JSON.stringify({ model, tokens, prompt, tokensPerSecond: figures }));
  }
}
