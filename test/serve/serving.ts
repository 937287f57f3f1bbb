import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import {
  type AppOptions,
  createApp,
  createServer,
  openModels,
  type ServedModel,
  type ServerOptions,
} from '../../src/serve/index.ts';
import { shippedModel } from '../shared.ts';

export const limits = { slots: 4, queue: 200, timeout: 60, maxBody: 100_000, seed: 1 };
export const model = 'cria-tiny';
export const messages = [{ role: 'user', content: 'copy: north river =' }];
export const chat = { model, messages, max_tokens: 12, temperature: 0 };
export const completion = { model, prompt: 'The capital of', max_tokens: 6, temperature: 0 };
/** Of a text that never ends by itself: one token, again and again. */
export const endless = { logit_bias: { 9: 100 } };

// biome-ignore lint/suspicious/noExplicitAny: bodies are looked at by the assertions
export type Body = any;

/** The shipped model, opened for the tests of a file, and ways to ask it. */
export function serving(options: Partial<Parameters<typeof openModels>[1]> = {}) {
  const models: ServedModel[] = [];
  beforeAll(async () => {
    models.push(...(await openModels([shippedModel], { slots: limits.slots, precision: 'f32', ...options })));
  }, 60_000);
  afterAll(async () => {
    for (const each of models) await each.close();
  });
  const appOf = (more: Partial<AppOptions> = {}) => createApp({ models, ...limits, ...more }).app;
  return {
    models,
    appOf,
    /** A server on a free port that ends with the test. */
    async listening(more: Partial<ServerOptions> = {}) {
      const server = await createServer({ models, ...limits, ...more });
      onTestFinished(() => server.close());
      return server;
    },
    async post(path: string, body: unknown, app = appOf(), headers: Record<string, string> = {}) {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const response = await app.request(path, { method: 'POST', body: text, headers });
      return { status: response.status, headers: response.headers, body: (await response.json()) as Body };
    },
  };
}

/** The events of a stream that ends as it should. */
export async function events(response: Response): Promise<Body[]> {
  const lines = (await response.text()).trim().split('\n\n');
  expect(lines.at(-1)).toBe('data: [DONE]');
  return lines.slice(0, -1).map((line) => JSON.parse(line.slice(6)));
}

export const asked = (url: string, path: string, body: object, signal?: AbortSignal) =>
  fetch(url + path, { method: 'POST', body: JSON.stringify(body), ...(signal ? { signal } : {}) });

/** Waits until something holds. */
export async function until(holds: () => boolean, what: string, seconds = 20): Promise<void> {
  for (let waited = 0; !holds(); waited += 5) {
    if (waited > seconds * 1000) throw new Error(`${what}: not within ${seconds} s`);
    await new Promise((done) => setTimeout(done, 5));
  }
}
