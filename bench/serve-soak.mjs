/**
 * Mixed load on a running server, and the resident memory of its process meanwhile, as one line of JSON.
 *
 *   node bench/serve-soak.mjs http://127.0.0.1:8080 PID [--minutes 10] [--clients 4]
 *
 * Each client draws what it asks: chats and completions, whole and as streams, of all lengths, with log-probabilities, by a
 * JSON schema, with tools, embeddings, scored prompts, malformed requests, and streams that it leaves. Memory is read from /proc
 * 200 times; the figures are medians of each fifth.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { randomFrom } from 'cria/base';
import { median } from './measure.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '10' }, clients: { type: 'string', default: '4' } },
});
const [url, pid] = positionals;
const ms = Number(values.minutes) * 60_000;
const { data } = await (await fetch(`${url}/v1/models`)).json();
const models = data.map(({ id }) => id);
const random = randomFrom(1);
const upTo = (count) => 1 + Math.floor(random() * count);
const oneOf = (list) => list[Math.floor(random() * list.length)];

const words = () =>
  Array.from({ length: upTo(40) }, () => oneOf(['copy', 'north', 'river', 'llama', 'of', '='])).join(' ');
const schema = () => ({
  type: 'object',
  properties: { [`field${upTo(1000)}`]: { type: 'string', maxLength: 5 }, legs: { type: 'integer' } },
  required: ['legs'],
  additionalProperties: false,
});
const messages = () => [
  { role: 'system', content: 'Answer.' },
  { role: 'user', content: words() },
];
const kinds = {
  chat: () => ['chat/completions', { messages: messages(), max_tokens: upTo(60) }],
  stream: () => ['chat/completions', { messages: messages(), max_tokens: upTo(60), stream: true }],
  choices: () => ['completions', { prompt: [words(), words()], n: 2, max_tokens: upTo(30), logprobs: 3 }],
  scored: () => ['completions', { prompt: words(), echo: true, logprobs: 1, max_tokens: 0 }],
  json: () => [
    'chat/completions',
    {
      messages: messages(),
      max_tokens: 40,
      response_format: { type: 'json_schema', json_schema: { schema: schema() } },
    },
  ],
  tools: () => [
    'chat/completions',
    {
      messages: messages(),
      max_tokens: 40,
      tools: [{ type: 'function', function: { name: 'f', parameters: schema() } }],
      tool_choice: 'required',
    },
  ],
  embeddings: () => ['embeddings', { input: [words(), words()] }],
  malformed: () => ['chat/completions', { messages: oneOf([5, [], [{ role: 1 }], undefined]), max_tokens: 'x' }],
  leaves: () => ['completions', { prompt: words(), max_tokens: 200, stream: true, logit_bias: { 9: 100 } }],
};

const counts = {};
const statuses = {};
const samples = [];
const begun = performance.now();
const goesOn = () => performance.now() - begun < ms;
const timer = setInterval(() => samples.push(residentBytes()), ms / 200);
await Promise.all(Array.from({ length: Number(values.clients) }, client));
clearInterval(timer);
const fifth = Math.ceil(samples.length / 5);
const fifths = Array.from({ length: 5 }, (_, i) => median(samples.slice(i * fifth, (i + 1) * fifth)));
console.log(
  JSON.stringify({ minutes: Number(values.minutes), counts, statuses, fifths, ratio: fifths[4] / fifths[1] }),
);

async function client() {
  while (goesOn()) {
    const kind = oneOf(Object.keys(kinds));
    const [path, body] = kinds[kind]();
    const controller = new AbortController();
    const response = await fetch(`${url}/v1/${path}`, {
      method: 'POST',
      body: JSON.stringify({ model: oneOf(models), temperature: random(), ...body }),
      signal: controller.signal,
    });
    counts[kind] = (counts[kind] ?? 0) + 1;
    statuses[response.status] = (statuses[response.status] ?? 0) + 1;
    if (kind === 'leaves') {
      await response.body.getReader().read();
      controller.abort();
    } else await response.text();
  }
}

function residentBytes() {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
}
