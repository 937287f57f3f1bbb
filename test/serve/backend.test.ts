import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { createApp, openBackend } from '../../src/serve/index.ts';
import { type Body, chat, completion, events, limits, model, serving } from './serving.ts';

const { appOf, post, listening } = serving();
afterEach(() => vi.unstubAllEnvs());

interface Asked {
  readonly path: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A server that answers as `reply` does: its address, and what it was asked. */
async function mock(reply: (response: ServerResponse, asked: Asked) => void) {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    asked.push({ path: request.url, headers: request.headers, body });
    reply(response, asked.at(-1) as Asked);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  onTestFinished(close);
  return { asked, close, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const inFrontOf = (url: string, options: { keyEnv?: string; timeout?: number } = {}) =>
  createApp({
    models: [],
    ...limits,
    timeout: options.timeout ?? limits.timeout,
    backend: openBackend(url, options.keyEnv),
  }).app;

test('another cria behind it: models, answers, streams, errors, health', async () => {
  const behind = await listening();
  const app = inFrontOf(behind.url);
  expect(((await (await app.request('/v1/models')).json()) as Body).data[0].id).toBe(model);
  const { body } = await post('/v1/chat/completions', chat, app);
  const { body: own } = await post('/v1/chat/completions', chat);
  expect(body.choices).toEqual(own.choices);
  const streamed = await app.request('/v1/chat/completions', {
    method: 'POST',
    body: JSON.stringify({ ...chat, stream: true }),
  });
  expect((await events(streamed)).length).toBeGreaterThan(2);
  expect((await post('/v1/completions', { ...completion, model: 'gpt' }, app)).status).toBe(404);
  expect((await app.request('/health')).status).toBe(200);
});

test('bodies pass as they are, the key of the variable goes there and the client’s does not', async () => {
  vi.stubEnv('CRIA_TEST_BACKEND_KEY', 'theirs');
  const answer = '{"choices": [], "unheard": {"of": 1}}';
  const { url, asked } = await mock((response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(answer),
  );
  const app = inFrontOf(url, { keyEnv: 'CRIA_TEST_BACKEND_KEY' });
  const sent = '{"model": "big",  "unknown": [1, 2.50], "messages": "of any type"}';
  const headers = { authorization: 'Bearer ours', cookie: 'secret' };
  const response = await app.request('/v1/chat/completions', { method: 'POST', body: sent, headers });
  expect([response.status, await response.text()]).toEqual([200, answer]);
  expect(asked[0]).toMatchObject({ path: '/v1/chat/completions', body: sent });
  expect(asked[0]?.headers).toMatchObject({ authorization: 'Bearer theirs' });
  expect(JSON.stringify(asked[0]?.headers)).not.toMatch(/ours|secret/);
});

test('a stream comes piece by piece, and ends for the backend when the client leaves', async () => {
  let push = (_: string) => {};
  let left = false;
  const { url } = await mock((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.on('close', () => {
      left = true;
    });
    push = (text) => response.write(text);
    push('data: 1\n\n');
  });
  const controller = new AbortController();
  const request = new Request('http://x/v1/completions', {
    method: 'POST',
    body: '{"model": "big"}',
    signal: controller.signal,
  });
  const response = await inFrontOf(url).request(request);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const read = async () => new TextDecoder().decode((await reader.read()).value);
  expect(await read()).toBe('data: 1\n\n'); // while the backend goes on
  push('data: 2\n\n');
  expect(await read()).toBe('data: 2\n\n');
  const ended = reader.read().then(
    () => 'ended',
    () => 'broken',
  );
  controller.abort();
  expect(await ended).toBe('broken');
  await vi.waitFor(() => expect(left).toBe(true));
});

test.each([400, 401, 404, 422, 429, 500, 503])('the status %i passes with its body and Retry-After', async (status) => {
  const said = JSON.stringify({ error: { message: `it is ${status}` } });
  const { url } = await mock((response) => response.writeHead(status, { 'retry-after': '7' }).end(said));
  const response = await inFrontOf(url).request('/v1/embeddings', { method: 'POST', body: '{"model": "big"}' });
  expect([response.status, response.headers.get('retry-after'), await response.text()]).toEqual([status, '7', said]);
});

test('a backend that is gone, that breaks off or that does not answer is 502; own models are listed without it', async () => {
  const gone = await mock(() => {});
  gone.close();
  const breaks = await mock((response) => response.destroy());
  const hangs = await mock(() => {});
  for (const { url } of [gone, breaks, hangs]) {
    const { status, body } = await post('/v1/completions', { model: 'big' }, inFrontOf(url, { timeout: 1 }));
    expect([status, body.error.type]).toEqual([502, 'server_error']);
  }
  expect((await inFrontOf(gone.url).request('/health')).status).toBe(503);
  expect((await inFrontOf(gone.url).request('/v1/models')).status).toBe(502);
  const both = appOf({ backend: openBackend(gone.url, undefined) });
  const { data } = (await (await both.request('/v1/models')).json()) as Body;
  expect(data.map(({ id }: Body) => id)).toEqual([model]);
  expect((await post('/v1/completions', completion, both)).status).toBe(200);
});
