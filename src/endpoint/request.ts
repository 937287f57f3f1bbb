import { setTimeout as sleep } from 'node:timers/promises';
import { boundedBody, CriaError, codeOf, messageOf } from '../base/index.ts';

/** How requests are sent: the address, the key, and how long and how often is tried. */
export interface Connection {
  readonly url: string;
  readonly key: string | undefined;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly firstDelayMs: number;
}

interface Sending {
  readonly method: 'GET' | 'POST';
  readonly body?: string | Uint8Array<ArrayBuffer> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One try. Redirects are not followed: they could carry the key elsewhere. */
export function send(connection: Connection, path: string, { method, body, signal }: Sending): Promise<Response> {
  const headers = new Headers({ accept: 'application/json, text/event-stream', 'user-agent': 'cria' });
  if (body !== undefined) headers.set('content-type', 'application/json');
  if (connection.key) headers.set('authorization', `Bearer ${connection.key}`);
  return fetch(connection.url + path, {
    method,
    headers,
    body: body ?? null,
    redirect: 'manual',
    signal: signal ?? null,
  });
}

/**
 * Sends until `read` succeeds on a response of status 2xx. 408, 429, 5xx, timeouts and broken connections are tried
 * again with exponential backoff and jitter, or after what Retry-After says.
 * @throws CriaError when the tries are used up or trying again is useless; the signal's reason when it is aborted.
 */
export async function sendWithRetries<T>(
  connection: Connection,
  path: string,
  sending: Sending,
  read: (response: Response, timer: Timer) => Promise<T>,
): Promise<T> {
  const { signal } = sending;
  for (let attempt = 0; ; attempt++) {
    signal?.throwIfAborted();
    const timer = startTimer(connection.timeoutMs);
    const both = signal ? AbortSignal.any([signal, timer.signal]) : timer.signal;
    let pause: number | undefined;
    try {
      const response = await send(connection, path, { ...sending, signal: both });
      if (response.ok) return await read(response, timer);
      pause = retryAfterMs(response.headers.get('retry-after'));
      throw await refusal(connection, path, response);
    } catch (error) {
      signal?.throwIfAborted();
      const failure = asFailure(connection, path, error, timer.signal);
      const wait = pause ?? connection.firstDelayMs * 2 ** attempt * (0.5 + Math.random() / 2);
      if (!(failure instanceof Retryable) || attempt >= connection.retries || wait > longestPauseMs) throw failure;
      await sleep(wait, undefined, { signal }).catch(() => signal?.throwIfAborted());
    } finally {
      timer.stop();
    }
  }
}

/** A failure after which the same request may succeed. */
class Retryable extends CriaError {}

const longestPauseMs = 120_000;
const mostErrorText = 300;

/** Watches one try: aborts its signal when it is not restarted in time. */
export interface Timer {
  readonly signal: AbortSignal;
  /** Seconds since the try began. */
  seconds(): number;
  restart(): void;
  stop(): void;
}

function startTimer(timeoutMs: number): Timer {
  const controller = new AbortController();
  const begin = () => setTimeout(() => controller.abort(new DOMException('timeout', 'TimeoutError')), timeoutMs);
  const begun = performance.now();
  let timer = begin();
  return {
    signal: controller.signal,
    seconds: () => (performance.now() - begun) / 1000,
    restart() {
      clearTimeout(timer);
      timer = begin();
    },
    stop: () => clearTimeout(timer),
  };
}

/** The pause that a Retry-After header asks for in milliseconds: whole seconds, or a date (RFC 9110, 10.2.3). */
export function retryAfterMs(header: string | null, now = Date.now()): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** The sentence for a status that is not a success, with the endpoint's own message. */
async function refusal(connection: Connection, path: string, response: Response): Promise<CriaError> {
  const { status } = response;
  const said = messageIn(await boundedText(response, 2 ** 16).catch(() => ''));
  const what = `the endpoint answered ${status}${said && `: ${withoutKey(said, connection.key).slice(0, mostErrorText)}`}`;
  const where = connection.url + path;
  if (status === 408 || status === 429 || status >= 500) {
    return new Retryable(what, { where, remedy: 'try again later', kind: 'failure' });
  }
  if (status === 401 || status === 403) {
    return new CriaError(what, { where, remedy: connection.key ? 'check the API key' : 'an API key is required' });
  }
  return new CriaError(what, {
    where,
    remedy: status === 404 ? 'check the address and the model' : 'check the request',
  });
}

/** OpenAI's `{error: {message}}`, llama.cpp's and FastAPI's variants of it, or the text itself. */
function messageIn(text: string): string {
  try {
    const { error, message, detail } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const inner = typeof error === 'object' && error !== null ? (error as { message?: unknown }).message : error;
    const found = [inner, message, detail].find((each) => typeof each === 'string');
    if (found !== undefined) return found as string;
  } catch {
    // not JSON: a proxy's page, or nothing
  }
  return text.replace(/\s+/g, ' ').trim();
}

/** The sentence for a request that failed on its way, or whose timer ran out. */
export function asFailure(connection: Connection, path: string, error: unknown, timedOut?: AbortSignal): CriaError {
  if (error instanceof CriaError) return error;
  const where = connection.url + path;
  if (timedOut?.aborted) {
    const what = `no answer within ${connection.timeoutMs / 1000} s`;
    return new Retryable(what, { where, remedy: 'use a longer timeout, or check the endpoint', kind: 'failure' });
  }
  const what = `cannot be reached (${withoutKey(codeOf(error) ?? messageOf(error), connection.key)})`;
  return new Retryable(what, { where, remedy: 'check the address and that the server runs', kind: 'failure' });
}

/** Endpoints repeat keys in their errors, sometimes with the middle starred out. */
function withoutKey(text: string, key: string | undefined): string {
  const plain = key ? text.replaceAll(key, '…') : text;
  return plain.replace(/\b(sk|key|gsk|hf|xai)[-_][\w*-]{4,}/gi, '…').replace(/Bearer\s+\S+/gi, 'Bearer …');
}

/** The body as text. @throws CriaError when it is longer than `most` bytes. */
export async function boundedText(response: Response, most: number): Promise<string> {
  const refuse = () => new CriaError(`the answer exceeds ${most} bytes`, { where: response.url, kind: 'failure' });
  return new TextDecoder().decode(await boundedBody(response, most, refuse));
}
