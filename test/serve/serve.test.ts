import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { generate, newSession } from '../../src/generate/index.ts';
import { openForward } from '../../src/model/index.ts';
import { keysFrom, type ServedModel } from '../../src/serve/index.ts';
import { collected } from '../generate/stubs.ts';
import { temporaryFolder } from '../hostile.ts';
import { distance } from '../model/goldens.ts';
import { type Body, chat, completion, endless, events, messages, model, serving } from './serving.ts';

const { models, appOf, post } = serving();

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
    const { body: free } = await post('/v1/completions', { model, prompt: [5, 6, 7], ...endless });
    expect(free.usage.completion_tokens).toBe(16);
  });

  test('the context ends a text with length, and a longer prompt is refused with both numbers', async () => {
    const { body } = await post('/v1/completions', {
      ...completion,
      prompt: Array(250).fill(9),
      max_tokens: 50,
      ...endless,
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
