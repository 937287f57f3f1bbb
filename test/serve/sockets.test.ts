import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { createServer } from '../../src/serve/index.ts';
import { asked, type Body, chat, completion, endless, events, limits, serving, until } from './serving.ts';

const { models, listening } = serving();

const isIdle = () => models.every(({ slots }) => slots.active + slots.waiting === 0);

/** What a connection is sent after `request` until it ends. */
function raw(port: number, request: string): { socket: Socket; text(): string; ended: Promise<string> } {
  const socket = connect(port, '127.0.0.1', () => socket.write(request));
  let text = '';
  socket.on('data', (data) => {
    text += data;
  });
  socket.on('error', () => {}); // cut: `ended` has what there was
  return { socket, text: () => text, ended: new Promise((resolve) => socket.on('close', () => resolve(text))) };
}

const portOf = (server: { readonly url: string }) => Number(new URL(server.url).port);
const written = (path: string, body: object) => {
  const text = JSON.stringify(body);
  return `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
};

test('100 clients at once get what each gets alone', { timeout: 120_000 }, async () => {
  const { url } = await listening();
  const ask = async (i: number) => {
    const content = `copy: ${i} river ${i % 7} =`;
    const request = {
      ...chat,
      messages: [{ role: 'user', content }],
      max_tokens: 6,
      temperature: i % 2,
      seed: i,
      stream: true,
    };
    const all = await events(await asked(url, '/v1/chat/completions', request));
    return all.map(({ choices }) => choices[0].delta.content ?? '').join('');
  };
  const alone: string[] = [];
  for (let i = 0; i < 100; i++) alone.push(await ask(i));
  expect(await Promise.all(Array.from({ length: 100 }, (_, i) => ask(i)))).toEqual(alone);
  expect(isIdle()).toBe(true);
});

test('200 clients that hang up leave every slot and every place in the queue', { timeout: 60_000 }, async () => {
  const { url } = await listening({ queue: 4 });
  const statuses = new Set<number>();
  for (let round = 0; round < 25; round++) {
    await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        const controller = new AbortController();
        const kinds: [string, object][] = [
          ['/v1/chat/completions', { ...chat, max_tokens: null, stream: true, ...endless }],
          ['/v1/completions', { ...completion, max_tokens: 200, stream: true, echo: true, logprobs: 1, ...endless }],
          ['/v1/completions', { ...completion, max_tokens: 200, ...endless }],
          ['/v1/embeddings', { model: completion.model, input: Array(50).fill('a llama') }],
        ];
        const [path, body] = kinds[i % kinds.length] as [string, object];
        const response = asked(url, path, body, controller.signal).then(async (answer) => {
          statuses.add(answer.status);
          await answer.body?.getReader().read();
        });
        const soon = new Promise((done) => setTimeout(done, 20 * (i % 5)));
        await (i < 2 ? response : Promise.race([response, soon])); // some of them mid-stream
        controller.abort();
        await response.catch(() => undefined);
      }),
    );
    await until(isIdle, 'the slots are free');
  }
  expect([...statuses]).toEqual([200]);
  const full = Array.from({ length: 8 }, () => asked(url, '/v1/completions', completion));
  expect((await Promise.all(full)).map(({ status }) => status)).toEqual(Array(8).fill(200));
});

test('a client that does not read holds no slot, and gets everything when it does', async () => {
  const server = await listening();
  const request = { ...completion, max_tokens: 120, logprobs: 20, stream: true, ...endless };
  const slow = Array.from({ length: 4 }, () => {
    const connection = raw(portOf(server), written('/v1/completions', request));
    connection.socket.pause();
    return connection;
  });
  await until(() => models.some(({ slots }) => slots.active === 4), 'the slow ones have all slots');
  const response = await asked(server.url, '/v1/completions', completion);
  expect(((await response.json()) as Body).usage.completion_tokens).toBeGreaterThan(0);
  await until(isIdle, 'the slots are free');
  for (const { socket, text } of slow) {
    socket.resume();
    await until(() => text().includes('data: [DONE]'), 'the whole text came');
    expect(text().split('"finish_reason":null').length - 1).toBe(120);
    socket.destroy();
  }
});

test('a request that does not come is 408, a port in use one sentence', async () => {
  const server = await listening({ timeout: 1 });
  const { ended } = raw(portOf(server), 'POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{');
  expect(await ended).toContain('408');
  const second = createServer({ models, ...limits, port: portOf(server) });
  await expect(second).rejects.toThrow(`the port ${portOf(server)} is in use`);
});

test('a text that is not finished in time ends with length, and says so', async () => {
  const { url } = await listening({ timeout: 1 });
  const long = { ...chat, max_tokens: null, ...endless, n: 4 };
  const answers = await Promise.all(Array.from({ length: 12 }, () => asked(url, '/v1/chat/completions', long)));
  const bodies = (await Promise.all(answers.map((each) => each.json()))) as Body[];
  const late = bodies.filter(({ cria }) => cria?.timeout);
  expect(late.length).toBeGreaterThan(0);
  for (const { choices } of bodies)
    expect(choices.map((choice: Body) => choice.finish_reason)).toEqual(Array(4).fill('length'));
  expect(isIdle()).toBe(true);
});

test('when it stops, what runs and waits is finished, and open connections hear 503', { timeout: 60_000 }, async () => {
  const server = await createServer({ models, ...limits });
  const request = { ...chat, max_tokens: 100, stream: true, ...endless };
  const streams = await Promise.all(
    Array.from({ length: 6 }, () => asked(server.url, '/v1/chat/completions', request)),
  );
  const open = raw(portOf(server), 'GET /health HTTP/1.1\r\nhost: x\r\n\r\n');
  await until(() => open.text().includes('"ok"'), 'the server answers');
  const closed = server.close();
  open.socket.write(written('/v1/completions', completion));
  await until(() => open.text().includes('HTTP/1.1 503'), 'the open connection hears it');
  await expect(fetch(server.url)).rejects.toThrow();
  for (const stream of streams) {
    const all = await events(stream);
    expect(all).toHaveLength(102); // the role, 100 tokens, the end
    expect(all.at(-1).choices[0].finish_reason).toBe('length');
  }
  await closed;
});
