import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { EndpointOptions } from './index.ts';
import { openEndpoint } from './index.ts';
import { retryAfterMs } from './request.ts';

const key = 'sk-verySecretKey123456';
afterEach(() => vi.unstubAllEnvs());

interface Asked {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly key: string | undefined;
  readonly body: Record<string, unknown>;
}

type Reply = (response: ServerResponse, asked: Asked) => void;

/** An endpoint on this machine that gives one reply a request, the last one again and again. */
async function serving(replies: readonly Reply[], options: Partial<EndpointOptions> = {}) {
  const asked: Asked[] = [];
  const server = createServer(async (request: IncomingMessage, response) => {
    let text = '';
    for await (const piece of request) text += piece;
    const { method, url: path, headers } = request;
    asked.push({ method, path, key: headers.authorization, body: text === '' ? {} : JSON.parse(text) });
    replies[Math.min(asked.length, replies.length) - 1]?.(response, asked.at(-1) as Asked);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { asked, baseUrl, endpoint: openEndpoint({ baseUrl, firstDelayMs: 5, ...options }) };
}

const gives =
  (body: unknown): Reply =>
  (response) =>
    response.end(JSON.stringify(body));
const refuses =
  (status: number, body: unknown = {}, headers: Record<string, string> = {}): Reply =>
  (response) =>
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
const never: Reply = () => {};
const breaksOff: Reply = (response) => response.destroy();

const said = (content: string, more: object = {}) => ({
  choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop', ...more }],
  usage: { prompt_tokens: 10, completion_tokens: 2 },
});
const hello = { model: 'm', messages: [{ role: 'user', content: 'Hello' }] };

describe('answers', () => {
  test('a chat is posted as it is given, with the key, and tokens are counted and paid', async () => {
    vi.stubEnv('CRIA_TEST_KEY', key);
    const { asked, endpoint } = await serving([gives(said('Hi'))], {
      keyEnv: 'CRIA_TEST_KEY',
      prices: { input: 0.5, output: 3 },
    });
    const answer = await endpoint.chat({ ...hello, temperature: 0 });
    expect(answer).toMatchObject({ text: 'Hi', finishReason: 'stop', logprobs: undefined, usage: { cost: 11 } });
    expect(asked).toEqual([
      { method: 'POST', path: '/v1/chat/completions', key: `Bearer ${key}`, body: { ...hello, temperature: 0 } },
    ]);
    await endpoint.chat(hello);
    expect(endpoint.spent()).toEqual({ requests: 2, uncounted: 0, promptTokens: 20, completionTokens: 4, cost: 22 });
  });

  test('log-probabilities are read in the forms of chat and of text completions', async () => {
    const content = [{ token: 'yes', logprob: -0.1, top_logprobs: [{ token: 'no', logprob: -2.5 }] }];
    const old = { tokens: ['yes'], token_logprobs: [-0.1], top_logprobs: [{ no: -2.5 }] };
    const { endpoint } = await serving([
      gives(said('yes', { logprobs: { content } })),
      gives({ choices: [{ text: 'yes', logprobs: old }] }),
    ]);
    const expected = [{ token: 'yes', logprob: -0.1, top: [{ token: 'no', logprob: -2.5 }] }];
    expect((await endpoint.chat(hello)).logprobs).toEqual(expected);
    expect(await endpoint.complete({ model: 'm', prompt: 'p' })).toMatchObject({
      logprobs: expected,
      usage: undefined,
    });
    expect(endpoint.spent()).toMatchObject({ requests: 2, uncounted: 1 });
  });

  test('embeddings come in the order of the texts, 64 a request', async () => {
    const echo: Reply = (response, { body }) => {
      const data = (body.input as string[]).map((text, index) => ({ index, embedding: [Number(text), 1] }));
      response.end(JSON.stringify({ data: data.reverse() }));
    };
    const { asked, endpoint } = await serving([echo]);
    const vectors = await endpoint.embed(
      'm',
      Array.from({ length: 70 }, (_, i) => String(i)),
    );
    expect(vectors.map(([first]) => first)).toEqual(Array.from({ length: 70 }, (_, i) => i));
    expect(asked.map(({ body }) => (body.input as string[]).length)).toEqual([64, 6]);
  });

  test('models are listed by their ids', async () => {
    const { asked, endpoint } = await serving([gives({ data: [{ id: 'a' }, { id: 'b' }] })]);
    expect(await endpoint.models()).toEqual(['a', 'b']);
    expect(asked[0]).toMatchObject({ method: 'GET', path: '/v1/models', key: undefined });
  });

  test.each([
    ['not JSON', '<html>', 'it is not JSON'],
    ['no choices', { choices: [] }, 'it has no choices'],
    ['a choice without text', { choices: [{}] }, 'choices[0] has no text'],
    ['a list', [], 'it is not an object'],
  ])('%s is one sentence', async (_, body, sentence) => {
    const { endpoint } = await serving([
      (response) => response.end(typeof body === 'string' ? body : JSON.stringify(body)),
    ]);
    await expect(endpoint.chat(hello)).rejects.toThrow(`the answer cannot be used: ${sentence}`);
  });

  test.each([
    ['one too few', [{ embedding: [1] }], 'it has 1 embeddings for 2 texts'],
    ['an index beyond', [{ embedding: [1] }, { embedding: [1], index: 5 }], 'it has 2 embeddings for 2 texts'],
    ['two lengths', [{ embedding: [1] }, { embedding: [1, 2] }], 'its embeddings differ in length'],
    ['what is not numbers', [{ embedding: ['x'] }, { embedding: [1] }], 'an embedding is not a list of numbers'],
  ])('embeddings with %s are refused', async (_, data, sentence) => {
    const { endpoint } = await serving([gives({ data })]);
    await expect(endpoint.embed('m', ['a', 'b'])).rejects.toThrow(sentence);
  });
});

describe('retries', () => {
  test('429, 5xx and broken connections are tried again', async () => {
    const { asked, endpoint } = await serving([refuses(429), refuses(503), breaksOff, gives(said('Hi'))]);
    expect((await endpoint.chat(hello)).text).toBe('Hi');
    expect(asked).toHaveLength(4);
  });

  test('Retry-After is honoured', async () => {
    const { endpoint } = await serving([refuses(429, {}, { 'retry-after': '1' }), gives(said('Hi'))]);
    const begun = performance.now();
    await endpoint.chat(hello);
    expect(performance.now() - begun).toBeGreaterThan(990);
  });

  test.each([
    [null, undefined],
    ['7', 7000],
    ['Thu, 01 Jan 1970 00:00:09 GMT', 8000],
    ['Wed, 31 Dec 1969 00:00:00 GMT', 0],
    ['soon', undefined],
  ])('Retry-After %j is %j ms', (header, ms) => {
    expect(retryAfterMs(header, 1000)).toBe(ms);
  });

  test('tries end, and a Retry-After of an hour is not waited for', async () => {
    const { asked, endpoint } = await serving([refuses(500, 'out of memory')], { retries: 2 });
    await expect(endpoint.chat(hello)).rejects.toThrow('the endpoint answered 500: out of memory');
    expect(asked).toHaveLength(3);
    const late = await serving([refuses(429, {}, { 'retry-after': '3600' })]);
    await expect(late.endpoint.chat(hello)).rejects.toThrow('the endpoint answered 429');
    expect(late.asked).toHaveLength(1);
  });

  test.each([
    [400, 'input', 'check the request'],
    [401, 'input', 'an API key is required'],
    [404, 'input', 'check the address and the model'],
    [302, 'input', 'check the request'],
  ])('%i is not tried again', async (status, kind, remedy) => {
    const { asked, endpoint } = await serving([refuses(status, { error: { message: 'no' } }, { location: '/x' })]);
    const failure = await endpoint.chat(hello).catch((error: unknown) => error);
    expect(failure).toMatchObject({ kind, remedy, what: `the endpoint answered ${status}: no` });
    expect(asked).toHaveLength(1);
  });

  test('an answer that does not come within the timeout is a failure', async () => {
    const { asked, endpoint } = await serving([never], { timeoutMs: 50, retries: 1 });
    await expect(endpoint.chat(hello)).rejects.toMatchObject({ what: 'no answer within 0.05 s', kind: 'failure' });
    expect(asked).toHaveLength(2);
  });

  test('an address where nothing listens is a failure', async () => {
    const endpoint = openEndpoint({ baseUrl: 'http://127.0.0.1:1', retries: 0 });
    const failure = { kind: 'failure', where: 'http://127.0.0.1:1/v1/models' };
    await expect(endpoint.models()).rejects.toMatchObject(failure);
    await expect(endpoint.forward('/models', { method: 'GET' })).rejects.toMatchObject(failure);
  });

  test("an abort ends a request and a pause with the signal's reason", async () => {
    for (const reply of [never, refuses(429, {}, { 'retry-after': '60' })]) {
      const { endpoint } = await serving([reply]);
      const controller = new AbortController();
      const asking = endpoint.chat(hello, { signal: controller.signal });
      setTimeout(() => controller.abort(new Error('stopped')), 30);
      await expect(asking).rejects.toThrow('stopped');
    }
  });
});

describe('keys', () => {
  test('an error never shows the key, even when the endpoint repeats it', async () => {
    vi.stubEnv('CRIA_TEST_KEY', key);
    const repeats = [`Incorrect API key: ${key}`, `header was Bearer ${key}`, 'Incorrect API key: sk-very*******3456'];
    for (const message of repeats) {
      const { endpoint } = await serving([refuses(401, { error: { message } })], { keyEnv: 'CRIA_TEST_KEY' });
      const failure = (await endpoint.chat(hello).catch((error: unknown) => error)) as Error;
      expect(failure.message).toContain('answered 401');
      expect(JSON.stringify([failure.message, failure])).not.toMatch(/very|3456/);
    }
  });

  test.each([
    ['127.0.0.1:80', {}, 'is not an HTTP address'],
    ['ftp://user:secret@host', {}, 'is not an HTTP address'],
    ['http://user:secret@host', {}, 'the address must have no user name, query or fragment'],
    ['http://host/?api_key=secret', {}, 'the address must have no user name, query or fragment'],
    ['http://host', { keyEnv: 'CRIA_NOT_SET' }, 'CRIA_NOT_SET: the environment variable is not set'],
    ['http://host', { timeoutMs: 0 }, 'the timeout must be positive (got 0)'],
  ])('%s with %j is refused', (baseUrl, options, sentence) => {
    const opening = () => openEndpoint({ baseUrl, ...options });
    expect(opening).toThrow(sentence);
    expect(opening).not.toThrow('secret');
  });

  test.each([
    ['http://host', 'http://host/v1'],
    ['http://host/', 'http://host/v1'],
    ['https://host:8443/openai/v1/', 'https://host:8443/openai/v1'],
  ])('%s is asked at %s', (baseUrl, url) => {
    expect(openEndpoint({ baseUrl }).url).toBe(url);
  });
});

describe('streams', () => {
  const event = (data: unknown) => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
  const piece = (content: string) => event({ choices: [{ index: 0, delta: { content } }] });
  const collected = async (pieces: AsyncIterable<string>) => {
    const list: string[] = [];
    for await (const text of pieces) list.push(text);
    return list;
  };

  test('text comes as it arrives, cut anywhere, and usage is counted', async () => {
    const usage = event({ choices: [], usage: { prompt_tokens: 5, completion_tokens: 2 } });
    const bytes = Buffer.from(`: comment\n\n${piece('Sí')}${piece('')}${piece(' señor')}${usage}${event('[DONE]')}`);
    const { asked, endpoint } = await serving([
      (response) => {
        const next = (at: number): unknown =>
          at < bytes.length ? response.write(bytes.subarray(at, at + 7), () => next(at + 7)) : response.end();
        next(0);
      },
    ]);
    expect(await collected(endpoint.streamChat(hello))).toEqual(['Sí', ' señor']);
    expect(asked[0]?.body).toEqual({ ...hello, stream: true });
    expect(endpoint.spent()).toMatchObject({ requests: 1, uncounted: 0, promptTokens: 5, completionTokens: 2 });
  });

  test('a stream begins after a retry, and a pause in it longer than the timeout ends it', async () => {
    const stalls: Reply = (response) => response.write(piece('one'));
    const { endpoint } = await serving([refuses(503), stalls], { timeoutMs: 80 });
    const got: string[] = [];
    const reading = async () => {
      for await (const text of endpoint.streamChat(hello)) got.push(text);
    };
    await expect(reading()).rejects.toThrow('no answer within 0.08 s');
    expect(got).toEqual(['one']);
  });

  test('pieces that keep coming outlast the timeout', async () => {
    const slow: Reply = (response) => {
      let left = 6;
      const timer = setInterval(() => {
        if (left-- > 0) return void response.write(piece('x'));
        clearInterval(timer);
        response.end(event('[DONE]'));
      }, 30);
    };
    const { endpoint } = await serving([slow], { timeoutMs: 120, retries: 0 });
    expect((await collected(endpoint.streamChat(hello))).join('')).toBe('xxxxxx');
  });

  test.each([
    ['an error in it', event({ error: { message: 'overloaded' } }), 'ended the stream with an error'],
    ['an event that does not end', `data: ${'x'.repeat(2 ** 20 + 10)}`, 'an event of the stream exceeds'],
    ['what is not JSON', event('oops'), 'it is not JSON'],
  ])('%s is one sentence', async (_, text, sentence) => {
    const { endpoint } = await serving([(response) => response.end(text)]);
    await expect(collected(endpoint.streamChat(hello))).rejects.toThrow(sentence);
  });

  test('an abort ends a stream', async () => {
    const { endpoint } = await serving([(response) => response.write(piece('one'))]);
    const controller = new AbortController();
    const stream = endpoint.streamChat(hello, { signal: controller.signal });
    expect((await stream.next()).value).toBe('one');
    controller.abort(new Error('stopped'));
    await expect(stream.next()).rejects.toThrow('stopped');
  });
});

test('a forwarded request returns the response as it is', async () => {
  vi.stubEnv('CRIA_TEST_KEY', key);
  const limited = refuses(429, { error: { code: 'slow_down' } }, { 'retry-after': '9' });
  const { asked, endpoint } = await serving([limited], { keyEnv: 'CRIA_TEST_KEY' });
  const response = await endpoint.forward('/embeddings', { method: 'POST', body: '{"model":"m","odd":1}' });
  expect([response.status, response.headers.get('retry-after')]).toEqual([429, '9']);
  expect(await response.json()).toEqual({ error: { code: 'slow_down' } });
  expect(asked).toEqual([
    { method: 'POST', path: '/v1/embeddings', key: `Bearer ${key}`, body: { model: 'm', odd: 1 } },
  ]);
});
