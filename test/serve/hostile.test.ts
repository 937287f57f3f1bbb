import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openModels } from '../../src/serve/index.ts';
import { shippedModel } from '../shared.ts';
import { chat, completion, messages, model, serving } from './serving.ts';

const { appOf, post } = serving();

const user = (content: unknown) => [{ role: 'user', content }];
const tool = { type: 'function', function: { name: 'f', parameters: { type: 'object' } } };
const schema = (of: object) => ({ response_format: { type: 'json_schema', json_schema: { name: 'x', schema: of } } });

test.each<[object | string, number, string | null, string]>([
  ['{', 400, null, 'the body is not JSON'],
  ['[]', 400, null, 'the body: '],
  ['null', 400, null, 'the body: '],
  [{ messages }, 400, 'model', 'expected string'],
  [{ ...chat, model: 'gpt' }, 404, 'model', "the model 'gpt' does not exist (there are: cria-tiny)"],
  [{ model }, 400, 'messages', 'expected array'],
  [{ ...chat, messages: [] }, 400, 'messages', 'messages'],
  [{ ...chat, messages: 'hello' }, 400, 'messages', 'expected array'],
  [{ ...chat, messages: [{ content: 'hello' }] }, 400, 'messages[0].role', 'expected string'],
  [{ ...chat, messages: user(5) }, 400, 'messages[0].content', 'messages[0].content'],
  [{ ...chat, messages: user([{ type: 'image_url', image_url: {} }]) }, 400, 'messages[0].content', 'reads text only'],
  [{ ...chat, messages: user([{ type: 'input_audio' }]) }, 400, 'messages[0].content', 'reads text only'],
  [{ ...chat, messages: user([{ type: 'text' }]) }, 400, 'messages[0].content', 'has no text'],
  [{ ...chat, messages: user('word '.repeat(300)) }, 400, 'messages', "tokens, and the model's context is 256"],
  [{ ...chat, temperature: 'hot' }, 400, 'temperature', 'expected number'],
  [{ ...chat, temperature: -1 }, 400, 'temperature', 'temperature'],
  [{ ...chat, top_p: 2 }, 400, 'top_p', 'top_p'],
  [{ ...chat, max_tokens: 1.5 }, 400, 'max_tokens', 'max_tokens'],
  [{ ...chat, stream: 'yes' }, 400, 'stream', 'expected boolean'],
  [{ ...chat, stop: [5] }, 400, 'stop[0]', 'expected string'],
  [{ ...chat, seed: '7' }, 400, 'seed', 'expected number'],
  [{ ...chat, n: 0 }, 400, 'n', 'n'],
  [{ ...chat, n: 5 }, 400, 'n', 'n is 5, and the server has 4 slots'],
  [{ ...chat, logit_bias: { 99999: 1 } }, 400, 'logit_bias', 'the token 99999 is not in the vocabulary'],
  [{ ...chat, logit_bias: { word: 1 } }, 400, 'logit_bias.word', 'logit_bias'],
  [{ ...chat, top_logprobs: 2 }, 400, 'top_logprobs', 'logprobs'],
  [{ ...chat, tools: [{ type: 'function' }] }, 400, 'tools[0].function', 'expected object'],
  [{ ...chat, tool_choice: 'required' }, 400, 'tool_choice', 'there are no tools'],
  [
    { ...chat, tools: [tool], tool_choice: { type: 'function', function: { name: 'g' } } },
    400,
    'tool_choice',
    "names 'g', which is not in tools",
  ],
  [{ ...chat, response_format: { type: 'xml' } }, 400, 'response_format.type', 'response_format'],
  [{ ...chat, ...schema({ type: 'object', not: {} }) }, 400, 'response_format', "the keyword 'not' is not supported"],
  [
    { ...chat, ...schema({ properties: { a: { oneOf: [] } } }) },
    400,
    'response_format',
    "schema.properties.a: the keyword 'oneOf'",
  ],
])('chat refuses %j', async (request, status, param, message) => {
  const { status: got, body } = await post('/v1/chat/completions', request);
  expect([got, body.error.param, body.error.type]).toEqual([status, param, 'invalid_request_error']);
  expect(body.error.message).toContain(message);
});

test.each<[string, object, string]>([
  ['/v1/completions', { prompt: undefined }, 'prompt'],
  ['/v1/completions', { prompt: [] }, 'prompt'],
  ['/v1/completions', { prompt: [1, 'a'] }, 'prompt[0]'],
  ['/v1/completions', { prompt: [-1] }, 'prompt[0]'],
  ['/v1/completions', { prompt: [99999] }, 'prompt'],
  ['/v1/completions', { prompt: Array(257).fill(9) }, 'prompt'],
  ['/v1/completions', { suffix: 'x' }, 'suffix'],
  ['/v1/completions', { best_of: 3 }, 'best_of'],
  ['/v1/completions', { logprobs: true }, 'logprobs'],
  ['/v1/embeddings', { input: 5 }, 'input'],
  ['/v1/embeddings', { input: [] }, 'input'],
  ['/v1/embeddings', { input: [99999] }, 'input'],
  ['/v1/embeddings', { input: Array(257).fill(9) }, 'input'],
  ['/v1/embeddings', { input: 'x', dimensions: 2 }, 'dimensions'],
  ['/v1/embeddings', { input: 'x', encoding_format: 'hex' }, 'encoding_format'],
])('%s refuses %j and names the field', async (path, fields, param) => {
  const { status, body } = await post(path, { ...completion, ...fields });
  expect([status, body.error.param]).toEqual([400, param]);
});

test('what is refused is an error and no stream; unknown fields are ignored; more texts than places take their turns', async () => {
  for (const request of [
    { ...chat, ...schema({ type: 'nothing' }) },
    { ...chat, n: 9 },
  ])
    expect((await post('/v1/chat/completions', { ...request, stream: true })).status).toBe(400);
  expect((await post('/v1/completions', { ...completion, unheard: { of: 1 }, store: true })).status).toBe(200);
  const many = { ...completion, prompt: Array(20).fill('copy: a ='), max_tokens: 2 };
  const { status, body } = await post('/v1/completions', many, appOf({ queue: 0 }));
  expect([status, body.choices.length]).toEqual([200, 20]);
});

test('a body that is too long is 413, sent with its length or in chunks', async () => {
  const body = JSON.stringify({ ...completion, prompt: 'x'.repeat(200_000) });
  expect((await post('/v1/completions', body)).status).toBe(413);
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(body));
      controller.close();
    },
  });
  const request = new Request('http://x/v1/completions', {
    method: 'POST',
    body: stream,
    duplex: 'half',
  } as RequestInit);
  expect((await appOf().request(request)).status).toBe(413);
});

test('paths that there are not do not become labels of metrics', async () => {
  const app = appOf({ keys: { accepts: () => false, reload: () => {} } });
  for (let i = 0; i < 20; i++) await app.request(`/v1/${i}`);
  await app.request('/nothing');
  const lines = (await (await app.request('/metrics')).text()).split('\n');
  expect(lines.filter((line) => line.startsWith('cria_requests_total'))).toEqual([
    'cria_requests_total{endpoint="other",status="401"} 20',
    'cria_requests_total{endpoint="other",status="404"} 1',
  ]);
});

test('a template that forbids an order of roles answers 400 in its own words', async () => {
  const template =
    "{% for m in messages %}{% if m.role == 'system' and not loop.first %}{{ raise_exception('system comes first') }}{% endif %}{{ m.content }}{% endfor %}";
  const models = await openModels([shippedModel], { slots: 1, precision: 'f32', template });
  const late = { ...chat, messages: [...messages, { role: 'system', content: 'no' }] };
  const { status, body } = await post('/v1/chat/completions', late, appOf({ models }));
  expect([status, body.error.message]).toEqual([400, expect.stringContaining('system comes first')]);
  for (const each of models) await each.close();
});

describe('malformed requests', () => {
  const short = { logit_bias: { 2: 100 } }; // the end of a text
  const bases: [string, Record<string, unknown>][] = [
    ['/v1/chat/completions', { ...chat, ...short, tools: [tool], response_format: { type: 'text' } }],
    [
      '/v1/chat/completions',
      { ...chat, ...short, max_tokens: 2, ...schema({ type: 'object', properties: { a: { type: 'integer' } } }) },
    ],
    ['/v1/completions', { ...completion, ...short, echo: true, logprobs: 2, stop: ['x'], n: 1, seed: 1 }],
    ['/v1/embeddings', { model, input: ['a', 'b'], encoding_format: 'float' }],
  ];
  const odd = fc.oneof(
    fc.constantFrom<unknown>(null, -1, 0, 1e99, 2 ** 53, 1.5, '', 'x', '\ud800', '\u0000', true, [], {}, [null], [[]]),
    fc.constantFrom<unknown>({ type: 'text' }, { type: 'function', function: {} }, { $ref: '#' }, ['a', 1], { 0: 0 }),
    fc.jsonValue({ maxDepth: 3 }),
  );
  const path = fc.array(fc.nat(), { minLength: 1, maxLength: 5 });

  /** The request with something else at a place that the numbers choose, or one more field there. */
  function changed(value: unknown, at: readonly number[], by: unknown): unknown {
    const [first, ...rest] = at;
    if (first === undefined || typeof value !== 'object' || value === null) return by;
    const keys = Object.keys(value);
    const key = keys[first % (keys.length + 1)] ?? 'unheard';
    const inner = changed((value as Record<string, unknown>)[key], rest, by);
    return Array.isArray(value) ? Object.assign([...value], { [key]: inner }) : { ...value, [key]: inner };
  }

  test('1,000 of them are answered without 5xx, with an error that says what is wrong', {
    timeout: 60_000,
  }, async () => {
    const app = appOf();
    const request = fc
      .tuple(fc.constantFrom(...bases), path, odd)
      .map(([[url, base], at, by]) => [url, JSON.stringify(changed(base, at, by))]);
    const broken = fc.tuple(fc.constantFrom(...bases), fc.nat(), fc.string()).map(([[url, base], at, by]) => {
      const text = JSON.stringify(base);
      return [url, text.slice(0, at % text.length) + by + text.slice((at % text.length) + by.length)];
    });
    const statuses = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(fc.oneof({ weight: 4, arbitrary: request }, broken), async ([url, text]) => {
        const { status, body } = await post(url as string, text, app);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        expect(status).toBeLessThan(500);
        if (status >= 400) expect(body.error.message.length).toBeGreaterThan(5);
      }),
      { numRuns: 1000 },
    );
    expect(statuses.get(400)).toBeGreaterThan(300);
    expect(statuses.get(200)).toBeGreaterThan(30);
  });

  const deep = `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`;
  const call = JSON.stringify({ name: 'f', arguments: deep });
  test.each([
    ['messages', `"messages": [${deep}]`],
    ['messages that have more', `"messages": [{"role": "user", "content": "a", "more": ${deep}}]`],
    ['parameters', `"messages": [], "tools": [{"type": "function", "function": {"name": "f", "parameters": ${deep}}}]`],
    ['arguments', `"messages": [{"role": "assistant", "tool_calls": [{"function": ${call}}]}]`],
    ['schemas', `"messages": [], "response_format": {"type": "json_schema", "json_schema": {"schema": ${deep}}}`],
  ])('%s that are nested deeply are no failure', async (_, fields) => {
    const said = JSON.stringify(messages);
    const body = `{"model": "${model}", "max_tokens": 1, ${fields.replace('"messages": []', `"messages": ${said}`)}}`;
    const { status } = await post('/v1/chat/completions', body, appOf({ maxBody: 10 ** 6 }));
    expect(status).toBeLessThan(500);
  });
});
