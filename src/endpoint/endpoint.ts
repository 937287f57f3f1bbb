import { CriaError } from '../base/index.ts';
import { addressOf, keyFrom } from './address.ts';
import { choicesIn, deltaIn, modelIdsIn, objectIn, usageIn, vectorsIn } from './answers.ts';
import { asFailure, boundedText, type Connection, send, sendWithRetries } from './request.ts';
import { eventsOf } from './stream.ts';
import type { Answer, CallOptions, Endpoint, EndpointOptions, Spent, Usage } from './types.ts';

const longestAnswer = 64 * 2 ** 20; // bytes
const textsPerRequest = 64;

/**
 * Opens an OpenAI-compatible endpoint. Nothing is sent yet. Prompts, answers and keys appear in no error, apart from
 * what the endpoint itself reports, from which keys are removed.
 * @throws CriaError when the address is not one, a limit is not positive, or the variable of the key is not set.
 */
export function openEndpoint(options: EndpointOptions): Endpoint {
  const { timeoutMs = 300_000, retries = 4, firstDelayMs = 500, prices = { input: 0, output: 0 } } = options;
  const connection: Connection = {
    url: addressOf(options.baseUrl),
    key: keyFrom(options.keyEnv),
    ...{ timeoutMs, retries, firstDelayMs },
  };
  if (!(timeoutMs > 0))
    throw new CriaError(`the timeout must be positive (got ${timeoutMs})`, { where: connection.url });
  let spent: Spent = { requests: 0, uncounted: 0, promptTokens: 0, completionTokens: 0, cost: 0 };

  function count(usage: Usage | undefined): void {
    spent = {
      requests: spent.requests + 1,
      uncounted: spent.uncounted + (usage ? 0 : 1),
      promptTokens: spent.promptTokens + (usage?.promptTokens ?? 0),
      completionTokens: spent.completionTokens + (usage?.completionTokens ?? 0),
      cost: spent.cost + (usage?.cost ?? 0),
    };
  }

  /** The object that an endpoint answers, and the seconds of the try that succeeded. */
  function ask(path: string, body: object | undefined, { signal }: CallOptions = {}) {
    const sending = { method: body ? ('POST' as const) : ('GET' as const), body: body && JSON.stringify(body), signal };
    return sendWithRetries(connection, path, sending, async (response, timer) => ({
      answer: objectIn(await boundedText(response, longestAnswer), connection.url + path),
      seconds: timer.seconds(),
    }));
  }

  async function completed(path: string, body: object, options?: CallOptions): Promise<Answer> {
    const { answer, seconds } = await ask(path, body, options);
    const choices = choicesIn(answer, connection.url + path);
    const usage = usageIn(answer, prices);
    count(usage);
    return { ...choices[0], choices, usage, seconds };
  }

  /** Restarts the timer at every piece that arrives: a long answer is not a late one. */
  async function* streamed(path: string, body: string, signal: AbortSignal | undefined): AsyncGenerator<string, void> {
    const opening = { method: 'POST' as const, body, signal };
    const opened = await sendWithRetries(connection, path, opening, async (response, timer) => ({ response, timer }));
    const { response, timer } = opened;
    let usage: Usage | undefined;
    timer.restart();
    try {
      for await (const data of eventsOf(response, timer.restart)) {
        const event = objectIn(data, connection.url + path);
        usage = usageIn(event, prices) ?? usage;
        const text = deltaIn(event, connection.url + path);
        if (text !== '') yield text;
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw asFailure(connection, path, error, timer.signal);
    } finally {
      timer.stop();
      count(usage);
    }
  }

  return {
    url: connection.url,
    chat: (request, options) => completed('/chat/completions', request, options),
    complete: (request, options) => completed('/completions', request, options),
    streamChat: (request, { signal } = {}) =>
      streamed('/chat/completions', JSON.stringify({ ...request, stream: true }), signal),
    async embed(model, texts, options) {
      const vectors: Float64Array[] = [];
      for (let begin = 0; begin < texts.length; begin += textsPerRequest) {
        const input = texts.slice(begin, begin + textsPerRequest);
        const { answer } = await ask('/embeddings', { model, input, encoding_format: 'float' }, options);
        vectors.push(...vectorsIn(answer, input.length, `${connection.url}/embeddings`));
        count(usageIn(answer, prices));
      }
      return vectors;
    },
    async models(options) {
      const { answer } = await ask('/models', undefined, options);
      return modelIdsIn(answer, `${connection.url}/models`);
    },
    async forward(path, init) {
      try {
        return await send(connection, path, init);
      } catch (error) {
        init.signal?.throwIfAborted();
        throw asFailure(connection, path, error);
      }
    },
    spent: () => spent,
  };
}
