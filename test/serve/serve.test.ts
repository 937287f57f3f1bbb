import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generate, newSession } from '../../src/generate/index.ts';
import { openForward } from '../../src/model/index.ts';
import {
  type AppOptions,
  createApp,
  createServer,
  keysFrom,
  openBackend,
  openModels,
  type ServedModel,
} from '../../src/serve/index.ts';
import { collected } from '../generate/stubs.ts';
import { temporaryFolder } from '../hostile.ts';
import { distance } from '../model/goldens.ts';
import { shippedModel } from '../shared.ts';

let models: ServedModel[] = [];
beforeAll(async () => {
  models = await openModels([shippedModel], { slots: 4, precision: 'f32' });
}, 60_000);
afterAll(async () => {
  for (const each of models) await each.close();
});

const limits = { slots: 4, queue: 200, timeout: 60, maxBody: 100_000, seed: 1 };
const appOf = (options: Partial<AppOptions> = {}) => createApp({ models, ...limits, ...options }).app;

// biome-ignore lint/suspicious/noExplicitAny: bodies are looked at by the assertions
type Body = any;

async function post(path: string, body: unknown, app = appOf(), headers: Record<string, string> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await app.request(path, { method: 'POST', body: text, headers });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Body };
}

async function events(response: Response): Promise<Body[]> {
  const lines = (await response.text()).trim().split('\n\n');
  expect(lines.at(-1)).toBe('data: [DONE]');
  return lines.slice(0, -1).map((line) => JSON.parse(line.slice(6)));
}

const model = 'cria-tiny';
const messages = [{ role: 'user', content: 'copy: north river =' }];
const chat = { model, messages, max_tokens: 12, temperature: 0 };
const completion = { model, prompt: 'The capital of', max_tokens: 6, temperature: 0 };

describe('chat', () => {
  test('answers as generate does, whole and as a stream with its usage', async () => {
    const [served] = models as [ServedModel];
    const { tokenizer, decoder } = served;
    const prompt = tokenizer.encodeChat(messages, { addGenerationPrompt: true });
    const { result } = await collected(
      generate(newSession(served.model, tokenizer, decoder), prompt, { maxTokens: 12 }),
    );
    const { body } = await post('/v1/chat/completions', chat);
    expect(body).toMatchObject({ object: 'chat.completion', model });
    expect(body.choices[0].message).toMatchObject({ role: 'assistant', content: result.text });
    expect(body.usage).toMatchObject({ prompt_tokens: prompt.length, completion_tokens: result.tokens });
    const response = await appOf().request('/v1/chat/completions', {
      method: 'POST',
      body: JSON.stringify({ ...chat, stream: true, stream_options: { include_usage: true } }),
    });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const all = await events(response);
    expect(all[0].choices[0].delta).toEqual({ role: 'assistant', content: '' });
    expect(all.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe(result.text);
    expect(all.at(-2).choices[0].finish_reason).toBe(body.choices[0].finish_reason);
    expect(all.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: result.tokens } });
  });

  test('has log-probabilities, several choices, and the same for the same seed', async () => {
    const request = { ...chat, temperature: 1, n: 3, seed: 7, logprobs: true, top_logprobs: 2 };
    const [one, two] = [await post('/v1/chat/completions', request), await post('/v1/chat/completions', request)];
    expect(one.body.choices).toEqual(two.body.choices);
    expect(one.body.choices.map(({ index }: Body) => index)).toEqual([0, 1, 2]);
    const [entry] = one.body.choices[0].logprobs.content;
    expect(entry.top_logprobs).toHaveLength(2);
    expect(entry.logprob).toBeLessThanOrEqual(0);
  });

  test('follows a JSON schema: what ends with stop parses and fits', { timeout: 60_000 }, async () => {
    const schema = {
      type: 'object',
      properties: {
        kind: { enum: ['llama', 'vicuña'] },
        legs: { type: 'integer' },
        name: { type: 'string', maxLength: 3 },
      },
      required: ['kind', 'legs', 'name'],
      additionalProperties: false,
    };
    const request = {
      ...chat,
      max_tokens: 60,
      temperature: 1,
      response_format: { type: 'json_schema', json_schema: { name: 'x', schema } },
    };
    let finished = 0;
    for (let seed = 0; seed < 6; seed++) {
      const { body } = await post('/v1/chat/completions', { ...request, seed });
      if (body.choices[0].finish_reason !== 'stop') continue;
      finished++;
      const { kind, legs, name } = JSON.parse(body.choices[0].message.content);
      expect(['llama', 'vicuña']).toContain(kind);
      expect(Number.isInteger(legs)).toBe(true);
      expect([...name].length).toBeLessThanOrEqual(3);
    }
    expect(finished).toBeGreaterThan(0);
    const wrong = { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object', not: {} } } };
    const refused = await post('/v1/chat/completions', { ...chat, response_format: wrong });
    expect([refused.status, refused.body.error.message]).toEqual([400, "schema: the keyword 'not' is not supported"]);
  });

  test('calls the tool that tool_choice names', { timeout: 60_000 }, async () => {
    const parameters = {
      type: 'object',
      properties: { city: { enum: ['Lima', 'Quito'] } },
      required: ['city'],
      additionalProperties: false,
    };
    const tools = [{ type: 'function', function: { name: 'weather', parameters } }];
    const tool_choice = { type: 'function', function: { name: 'weather' } };
    const request = { ...chat, max_tokens: 80, tools, tool_choice };
    const { body } = await post('/v1/chat/completions', request);
    const [{ message, finish_reason }] = body.choices;
    expect([finish_reason, message.content]).toEqual(['tool_calls', null]);
    expect(message.tool_calls[0].function.name).toBe('weather');
    expect(['Lima', 'Quito']).toContain(JSON.parse(message.tool_calls[0].function.arguments).city);
    const streamed = await appOf().request('/v1/chat/completions', {
      method: 'POST',
      body: JSON.stringify({ ...request, stream: true }),
    });
    const calls = (await events(streamed)).flatMap(({ choices }) => choices[0].delta.tool_calls ?? []);
    expect(calls.map((call: Body) => call.function)).toEqual([message.tool_calls[0].function]);
  });
});

describe('completions', () => {
  test('echo with log-probabilities gives what score gives, the first null', async () => {
    const [{ tokenizer, model: loaded }] = models as [ServedModel];
    const ids = tokenizer.encode('The capital of Dresteria is Zavel.', { continued: true });
    const { body } = await post('/v1/completions', { model, prompt: ids, max_tokens: 0, echo: true, logprobs: 1 });
    const { token_logprobs, tokens, top_logprobs } = body.choices[0].logprobs;
    expect([token_logprobs[0], top_logprobs[0], tokens.length]).toEqual([null, null, ids.length]);
    const forward = await openForward(loaded, { precision: 'f32' });
    const { lastHidden } = await forward.run([ids]);
    const rows = lastHidden.data.subarray(0, (ids.length - 1) * loaded.config.hiddenSize);
    const expected = await forward.likelihoods(rows, ids.slice(1));
    await forward.dispose();
    expect(distance(token_logprobs.slice(1), [...expected])).toBeLessThan(1e-3);
  });

  test('continues texts, ids and lists of them; without max_tokens there are 16', async () => {
    const { body } = await post('/v1/completions', { ...completion, prompt: ['The capital of', 'copy: a b ='] });
    const alone = await post('/v1/completions', completion);
    expect(body.choices).toHaveLength(2);
    expect(body.choices[0].text).toBe(alone.body.choices[0].text);
    const { body: free } = await post('/v1/completions', {
      model,
      prompt: [5, 6, 7],
      logit_bias: { 9: 100 },
      temperature: 0,
    });
    expect(free.usage.completion_tokens).toBe(16);
  });

  test('the context ends a text with length, and a longer prompt is refused with both numbers', async () => {
    const { body } = await post('/v1/completions', {
      ...completion,
      prompt: Array(250).fill(9),
      max_tokens: 50,
      logit_bias: { 9: 100 },
    });
    expect([body.usage.completion_tokens, body.choices[0].finish_reason]).toEqual([6, 'length']);
    const refused = await post('/v1/completions', { ...completion, prompt: Array(257).fill(9) });
    expect(refused.body.error.message).toBe("the prompt has 257 tokens, and the model's context is 256");
  });
});

test('embeddings have length 1 and are the mean of the last norm; base64 holds the same', async () => {
  const { body } = await post('/v1/embeddings', { model, input: ['a llama', 'two'] });
  const { body: coded } = await post('/v1/embeddings', { model, input: 'a llama', encoding_format: 'base64' });
  expect(Math.hypot(...body.data[0].embedding)).toBeCloseTo(1, 5);
  const bytes = Buffer.from(coded.data[0].embedding, 'base64');
  expect([...new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)]).toEqual(body.data[0].embedding);
});

test.each([
  ['{', 400, null, 'the body is not JSON'],
  [{ model, messages: [] }, 400, 'messages', 'messages'],
  [{ ...chat, temperature: 'hot' }, 400, 'temperature', 'temperature'],
  [{ ...chat, n: 5 }, 400, 'n', 'n is 5, and the server has 4 slots'],
  [{ ...chat, model: 'gpt' }, 404, 'model', "the model 'gpt' does not exist (there are: cria-tiny)"],
  [
    { ...chat, messages: [{ role: 'user', content: [{ type: 'image_url' }] }] },
    400,
    'messages[0].content',
    'reads text only',
  ],
  [{ ...chat, tool_choice: 'required' }, 400, 'tool_choice', 'there are no tools'],
  [{ ...chat, logit_bias: { 99999: 1 } }, 400, 'logit_bias', 'the token 99999 is not in the vocabulary'],
])('%j is refused', async (request, status, param, message) => {
  const { status: got, body } = await post('/v1/chat/completions', request);
  expect([got, body.error.param]).toEqual([status, param]);
  expect(body.error.message).toContain(message);
});

test('unknown fields are ignored, suffix and dimensions are refused, a body that is too long is 413', async () => {
  expect((await post('/v1/completions', { ...completion, unheard: 1 })).status).toBe(200);
  expect((await post('/v1/completions', { ...completion, suffix: 'x' })).body.error.param).toBe('suffix');
  expect((await post('/v1/embeddings', { model, input: 'x', dimensions: 2 })).body.error.param).toBe('dimensions');
  expect((await post('/v1/completions', { ...completion, prompt: 'x'.repeat(200_000) })).status).toBe(413);
});

test('no malformed request is answered with 5xx', async () => {
  const app = appOf();
  const values = [null, 1, -1, 1e99, 'x', '', [], {}, [null], { a: 1 }, true];
  for (const path of ['/v1/chat/completions', '/v1/completions', '/v1/embeddings']) {
    for (const key of [
      'messages',
      'prompt',
      'input',
      'model',
      'n',
      'stop',
      'logit_bias',
      'tools',
      'response_format',
      'max_tokens',
    ]) {
      for (const value of values) {
        const base = { model, messages, prompt: 'a', input: 'a', max_tokens: 1 };
        const { status } = await post(path, { ...base, [key]: value }, app);
        expect(status, `${path} ${key} ${JSON.stringify(value)}`).toBeLessThan(500);
      }
    }
  }
}, 60_000);

test('a full queue is refused with 429 and Retry-After', async () => {
  const app = appOf({ slots: 4, queue: 0 });
  const all = await Promise.all(Array.from({ length: 9 }, () => post('/v1/completions', completion, app)));
  const refused = all.filter(({ status }) => status === 429);
  expect(refused).toHaveLength(5);
  expect(refused[0]?.headers.get('retry-after')).toMatch(/^\d+$/);
});

test('keys are asked for under /v1 alone, and read again', async () => {
  const file = join(temporaryFolder(), 'keys');
  writeFileSync(file, 'one\n\ntwo\n', { mode: 0o600 });
  const warnings: string[] = [];
  const keys = keysFrom(file, (sentence) => warnings.push(sentence));
  const app = appOf({ keys });
  const status = async (key?: string) =>
    (await app.request('/v1/models', key ? { headers: { authorization: `Bearer ${key}` } } : {})).status;
  expect([await status(), await status('three'), await status('two')]).toEqual([401, 401, 200]);
  expect((await app.request('/health')).status).toBe(200);
  writeFileSync(file, 'three\n');
  keys.reload();
  expect([await status('two'), await status('three'), warnings]).toEqual([401, 200, []]);
});

test('metrics, description and page', async () => {
  const app = appOf();
  await post('/v1/completions', completion, app);
  const text = await (await app.request('/metrics')).text();
  expect(text).toContain('cria_requests_total{endpoint="/v1/completions",status="200"} 1');
  expect(text).toMatch(/cria_tokens_generated_total [1-9]/);
  expect(text).toContain('cria_requests_active 0');
  const { paths } = (await (await app.request('/openapi.json')).json()) as Body;
  expect(Object.keys(paths)).toContain('/v1/chat/completions');
  expect(await (await app.request('/')).text()).toContain('<!doctype html>');
});

describe('on a socket', () => {
  test('100 clients at once get what each gets alone; some hang up and no slot is lost', {
    timeout: 120_000,
  }, async () => {
    const server = await createServer({ models, ...limits });
    const ask = async (i: number, leave = false) => {
      const body = JSON.stringify({
        ...chat,
        messages: [{ role: 'user', content: `copy: ${i} river ${i % 7} =` }],
        temperature: i % 2,
        seed: i,
        stream: true,
      });
      const controller = new AbortController();
      const response = await fetch(`${server.url}/v1/chat/completions`, {
        method: 'POST',
        body,
        signal: controller.signal,
      });
      if (leave) return controller.abort();
      return (await events(response)).map(({ choices }) => choices[0].delta.content ?? '').join('');
    };
    const alone: unknown[] = [];
    for (let i = 0; i < 100; i++) alone.push(await ask(i));
    const leaving = Array.from({ length: 40 }, (_, i) => ask(i, true).catch(() => undefined));
    expect(await Promise.all(Array.from({ length: 100 }, (_, i) => ask(i)))).toEqual(alone);
    await Promise.all(leaving);
    const closed = server.close();
    await closed;
    expect(models[0]?.slots).toMatchObject({ active: 0, waiting: 0 });
  });

  test('a request that does not come is 408, a port in use one sentence', async () => {
    const server = await createServer({ models, ...limits, timeout: 1 });
    const port = Number(new URL(server.url).port);
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1', () =>
        socket.write('POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{'),
      );
      let text = '';
      socket.on('data', (data) => {
        text += data;
      });
      socket.on('close', () => resolve(text));
    });
    expect(answer).toContain('408');
    await expect(createServer({ models, ...limits, port })).rejects.toThrow(`the port ${port} is in use`);
    await server.close();
  });

  test('what runs is finished when the server stops, and what is new is refused', async () => {
    const server = await createServer({ models, ...limits });
    const response = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ ...chat, max_tokens: 60, logit_bias: { 9: 100 }, stream: true }),
    });
    const closed = server.close();
    const all = await events(response);
    expect(all.at(-1).choices[0].finish_reason).toBe('length');
    await closed;
  });

  test('a backend behind it is passed through as it is: models, streams, errors, health; the key of this server stays here', async () => {
    const behind = await createServer({ models, ...limits });
    const app = createApp({ models: [], ...limits, backend: openBackend(behind.url, undefined) }).app;
    expect(((await (await app.request('/v1/models')).json()) as Body).data[0].id).toBe(model);
    const { body } = await post('/v1/chat/completions', chat, app, { authorization: 'Bearer secret' });
    expect(body.choices[0].message.content).toBe(
      (await post('/v1/chat/completions', chat)).body.choices[0].message.content,
    );
    const streamed = await app.request('/v1/chat/completions', {
      method: 'POST',
      body: JSON.stringify({ ...chat, stream: true }),
    });
    expect((await events(streamed)).length).toBeGreaterThan(2);
    expect((await post('/v1/completions', { ...completion, model: 'gpt' }, app)).status).toBe(404);
    expect((await app.request('/health')).status).toBe(200);
    await behind.close();
    expect((await app.request('/health')).status).toBe(503);
    const gone = await post('/v1/completions', { ...completion, model: 'gpt' }, app);
    expect([gone.status, gone.body.error.type]).toEqual([502, 'server_error']);
  });
});
