import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { cors } from 'hono/cors';
import { z } from 'zod';
import { randomFrom } from '../base/index.ts';
import type { Backend } from './backend.ts';
import { answerChat } from './chat.ts';
import { answerCompletion } from './completions.ts';
import { answerEmbeddings } from './embeddings.ts';
import { ApiError, asApiError, errorBody } from './errors.ts';
import { jsonOf } from './json.ts';
import type { Keys } from './keys.ts';
import { openMetrics } from './metrics.ts';
import { modelNamed, type ServedModel } from './models.ts';
import { chatRequest, completionRequest, embeddingRequest } from './schemas.ts';
import type { Answering, Reply } from './text.ts';

export interface AppOptions {
  readonly models: readonly ServedModel[];
  readonly backend?: Backend | undefined;
  readonly keys?: Keys | undefined;
  /** Sequences of a model computed at once, and texts that wait beyond them. */
  readonly slots: number;
  readonly queue: number;
  /** Seconds after which a text ends where it is. */
  readonly timeout: number;
  /** Bytes of a request's body. */
  readonly maxBody: number;
  /** Origins whose pages may ask; none by default. */
  readonly cors?: readonly string[];
  /** Seed of the seeds that requests are given. */
  readonly seed?: number | undefined;
  /** Is told of every request: never of prompts or keys, unless `body` is asked for. */
  readonly log?: (entry: Readonly<Record<string, unknown>>) => void;
  readonly logPrompts?: boolean;
}

/** Where one declaration becomes a route and its description. */
interface Post<S extends z.ZodType> {
  readonly path: `/v1/${string}`;
  readonly summary: string;
  readonly schema: S;
  answer(served: ServedModel, request: z.infer<S>, signal: AbortSignal): Promise<Reply>;
}

const page = new URL('../../data/serve/page.html', import.meta.url); // a conversation with a model, in one file that loads nothing

/** What is read with GET, besides the page and the description. */
const gets = {
  '/v1/models': 'the models',
  '/health': 'whether the server answers',
  '/metrics': 'figures for Prometheus',
};

/** The routes of a server, for a server of one's own: `app.route('/', createApp(…))`; `drain` makes it refuse what is new. */
export function createApp(options: AppOptions): { app: Hono; drain(): void } {
  const { models, backend, keys, slots, queue, timeout, log, seed = randomInt(2 ** 31) } = options;
  const metrics = openMetrics(() => [...new Set(models.map((each) => each.slots))]);
  const seeds = randomFrom(seed);
  const answering: Answering = {
    metrics,
    freshSeed: () => Math.floor(seeds() * 2 ** 31),
    slots,
    queue,
    timeout,
    taken: new Map(),
  };
  const paths = [...Object.keys(gets), '/openapi.json']; // what requests are counted by
  let draining = false;
  const app = new Hono();

  app.onError((error, c) => {
    const refusal = c.req.raw.signal.aborted ? new ApiError(499, 'the client has left') : asApiError(error);
    if (refusal.status === 500) log?.({ level: 'error', error: refusal.message });
    return c.json(errorBody(refusal), refusal.status as 400, { ...refusal.headers });
  });
  app.notFound((c) => c.json(errorBody(new ApiError(404, `there is no ${c.req.method} ${c.req.path}`)), 404));
  app.use(async (c, next) => {
    const begun = performance.now();
    await next();
    const endpoint = paths.find((path) => path === c.req.path || c.req.path.startsWith(`${path}/`)) ?? 'other';
    metrics.requests.inc({ endpoint, status: c.res.status });
    log?.({ method: c.req.method, path: c.req.path, status: c.res.status, ms: Math.round(performance.now() - begun) });
  });
  if (options.cors?.length) app.use(cors({ origin: options.cors.includes('*') ? '*' : [...options.cors] }));
  app.use('/v1/*', async (c, next) => {
    if (keys && c.req.method !== 'OPTIONS' && !keys.accepts(c.req.header('authorization'))) {
      throw new ApiError(401, 'the API key is missing or wrong', { code: 'invalid_api_key' });
    }
    if (draining) throw new ApiError(503, 'the server is stopping', { headers: { connection: 'close' } });
    await next();
  });
  const tooLong = () => {
    throw new ApiError(413, `the body exceeds ${options.maxBody} bytes`);
  };
  app.use('/v1/*', bodyLimit({ maxSize: options.maxBody, onError: tooLong }));

  const declarations: object[] = [];
  const post = <S extends z.ZodType>({ path, summary, schema, answer }: Post<S>) => {
    declarations.push({ [path]: { post: described(summary, z.toJSONSchema(schema, { target: 'openapi-3.0' })) } });
    paths.push(path);
    app.post(path, async (c) => {
      const text = await c.req.text();
      const body = jsonOf(text);
      if (options.logPrompts) log?.({ path, body });
      const { model } = (body ?? {}) as { readonly model?: unknown };
      const isOwn = models.length > 0 && (typeof model !== 'string' || models.some(({ id }) => id === model));
      if (backend && !isOwn) return backend.forward(path.slice(3), text, timeout, c.req.raw.signal);
      const request = checked(schema, body);
      return respond(c, (signal) => answer(modelNamed(models, (request as { model: string }).model), request, signal));
    });
  };

  post({
    path: '/v1/chat/completions',
    summary: 'answers a conversation',
    schema: chatRequest,
    answer: (served, request, signal) => answerChat(served, request, answering, signal),
  });
  post({
    path: '/v1/completions',
    summary: 'continues texts',
    schema: completionRequest,
    answer: (served, request, signal) => answerCompletion(served, request, answering, signal),
  });
  post({
    path: '/v1/embeddings',
    summary: 'vectors of texts',
    schema: embeddingRequest,
    answer: (served, request, signal) => answerEmbeddings(served, request, answering, signal),
  });

  const listed = ({ id, created, model }: ServedModel) => ({
    id,
    object: 'model',
    created,
    owned_by: 'cria',
    context: model.config.context,
  });
  app.get('/v1/models', async (c) => {
    const others = await backend?.models().catch((error: unknown) => {
      if (models.length === 0) throw error;
    });
    return c.json({ object: 'list', data: [...models.map(listed), ...(others ?? [])] });
  });
  app.get('/v1/models/:id{.+}', async (c) => {
    const id = c.req.param('id');
    const own = models.find((each) => each.id === id);
    const other = own ? undefined : (await backend?.models())?.find((each) => each.id === id);
    return c.json(own ? listed(own) : (other ?? listed(modelNamed(models, id))));
  });
  app.get('/health', async (c) => {
    if (draining) return c.json({ status: 'stopping' }, 503);
    const isReady = backend ? await backend.isReady() : true;
    return c.json({ status: isReady ? 'ok' : 'the backend does not answer' }, isReady ? 200 : 503);
  });
  app.get('/metrics', async (c) =>
    c.text(await metrics.registry.metrics(), 200, { 'content-type': metrics.registry.contentType }),
  );
  app.get('/openapi.json', (c) =>
    c.json({
      openapi: '3.0.3',
      info: { title: 'cria', version: '1', description: 'models of cria behind the API of OpenAI' },
      paths: Object.assign(
        {},
        ...declarations,
        ...Object.entries(gets).map(([path, summary]) => ({ [path]: { get: described(summary) } })),
      ),
    }),
  );
  app.get('/', (c) =>
    c.html(readFileSync(page, 'utf8'), 200, {
      'content-security-policy':
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'",
    }),
  );

  return {
    app,
    drain() {
      draining = true;
    },
  };
}

/** Answers with a whole, or with a stream; what is written ends when nobody reads it. */
async function respond(c: Context, answer: (signal: AbortSignal) => Promise<Reply>): Promise<Response> {
  const left = new AbortController();
  const leave = () => left.abort();
  c.req.raw.signal.addEventListener('abort', leave, { once: true });
  if (c.req.raw.signal.aborted) leave();
  try {
    const reply = await answer(left.signal);
    if (!reply.stream) return c.json(await reply.whole());
    const events = reply.events();
    const body = streamOf(events, await events.next(), leave); // what is refused is an error and no stream
    return new Response(body, { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' } });
  } catch (error) {
    leave();
    throw error;
  }
}

/** Events as a client reads them; `leave` is called when it does not read to the end. */
function streamOf(events: AsyncGenerator<object, void>, first: IteratorResult<object, void>, leave: () => void) {
  const encoder = new TextEncoder();
  const line = (data: string) => encoder.encode(`data: ${data}\n\n`);
  let next = Promise.resolve(first);
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await next;
        controller.enqueue(line(done ? '[DONE]' : JSON.stringify(value)));
        if (done) return controller.close();
        next = events.next();
        next.catch(() => undefined); // thrown where it is awaited
      } catch (error) {
        leave();
        controller.enqueue(line(JSON.stringify(errorBody(asApiError(error)))));
        controller.close();
      }
    },
    cancel: leave,
  });
}

/** @throws ApiError (400) that names the field that is wrong. */
function checked<S extends z.ZodType>(schema: S, body: unknown): z.infer<S> {
  const { success, data, error } = schema.safeParse(body);
  if (success) return data;
  const { path, message } = deepest(error.issues[0] as z.core.$ZodIssue);
  const param = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  const field = param.slice(1);
  throw new ApiError(400, `${field || 'the body'}: ${message}`, {
    code: 'invalid_value',
    ...(field ? { param: field } : {}),
  });
}

/** What is wrong with an alternative of a union: the one that is followed the furthest. */
function deepest(issue: z.core.$ZodIssue): Pick<z.core.$ZodIssue, 'path' | 'message'> {
  if (issue.code !== 'invalid_union') return issue;
  const [inner] = issue.errors
    .flat()
    .map(deepest)
    .sort((a, b) => b.path.length - a.path.length);
  return inner?.path.length ? { ...inner, path: [...issue.path, ...inner.path] } : issue;
}

function described(summary: string, schema?: object): object {
  const content = (given: object) => ({ content: { 'application/json': { schema: given } } });
  const error = { type: 'object', properties: { error: { type: 'object' } } };
  return {
    summary,
    ...(schema ? { requestBody: { required: true, ...content(schema) } } : {}),
    responses: {
      200: { description: 'the answer' },
      ...(schema ? { 400: { description: 'a request that is refused', ...content(error) } } : {}),
    },
  };
}
