import type { Generated, GenerateOptions, WrittenToken } from '../generate/index.ts';
import { ApiError } from './errors.ts';
import type { Metrics } from './metrics.ts';
import type { ServedModel } from './models.ts';
import type { GenerationRequest } from './schemas.ts';

/** What a request is answered with besides the model. */
export interface Answering {
  readonly metrics: Metrics;
  /** A fresh seed for a request that brings none. */
  readonly freshSeed: () => number;
  readonly slots: number;
  readonly queue: number;
  /** Seconds after which a text ends where it is. */
  readonly timeout: number;
  /** By model: the texts that have been taken on and have not ended. */
  readonly taken: Map<ServedModel, number>;
}

export interface Piece {
  readonly choice: number;
  readonly text: string;
  readonly tokens: readonly WrittenToken[];
  /** Of the last piece of a choice. */
  readonly end?: Generated & { readonly timedOut: boolean };
}

/** The texts that a request asks for. */
export interface Texts {
  readonly prompts: readonly (readonly number[])[];
  readonly options: GenerateOptions;
  /** What one text has of its own: a grammar remembers where it is. */
  readonly own?: () => Promise<Pick<GenerateOptions, 'constrain' | 'observers'> & { dispose?(): void }>;
  readonly n: number;
  readonly signal: AbortSignal;
}

/**
 * The texts of a request side by side, piece by piece as they come; choice i is of prompt i / n.
 * @throws ApiError 429 at once when there are more texts than slots and queue take, 400 when the prompt is too long.
 */
export function piecesOf(served: ServedModel, texts: Texts, answering: Answering): AsyncGenerator<Piece, void> {
  const { slots, queue, timeout, metrics, taken } = answering;
  const { prompts, n, signal } = texts;
  const count = prompts.length * n;
  if (n > slots) throw new ApiError(400, `n is ${n}, and the server has ${slots} slots`, { param: 'n' });
  const before = taken.get(served) ?? 0;
  if (before + count > slots + queue) {
    const headers = { 'retry-after': String(1 + served.slots.waiting) };
    throw new ApiError(429, 'the server is busy: try again later', { code: 'queue_full', headers });
  }
  const { context } = served.model.config;
  for (const prompt of prompts) {
    if (prompt.length === 0) throw new ApiError(400, 'the prompt has no tokens', { param: 'prompt' });
    if (prompt.length <= context) continue;
    const message = `the prompt has ${prompt.length} tokens, and the model's context is ${context}`;
    throw new ApiError(400, message, { code: 'context_length_exceeded', param: 'prompt' });
  }
  taken.set(served, before + count);
  const begun = performance.now();
  const timer = AbortSignal.timeout(Math.min(timeout * 1000, 2 ** 31 - 1));
  const either = AbortSignal.any([signal, timer]);
  const write = async function* (choice: number): AsyncGenerator<Piece, void> {
    let own: Awaited<ReturnType<NonNullable<Texts['own']>>> | undefined;
    try {
      own = await texts.own?.();
      const prompt = prompts[Math.floor(choice / n)] as readonly number[];
      const seed = (texts.options.seed ?? answering.freshSeed()) + (choice % n);
      const written = served.slots.write(prompt, { ...texts.options, ...own, seed, signal: either });
      let last = 0;
      let next = await written.next();
      try {
        for (; !next.done; next = await written.next()) {
          const now = performance.now();
          if (last === 0) metrics.firstToken.observe((now - begun) / 1000);
          else metrics.betweenTokens.observe((now - last) / 1000);
          last = now;
          metrics.tokens.inc(next.value.tokens.length);
          yield { choice, ...next.value };
        }
      } finally {
        if (!next.done) await written.return(undefined as never);
      }
      const timedOut = next.value.finishReason === 'cancelled' && timer.aborted && !signal.aborted;
      yield { choice, text: '', tokens: [], end: { ...next.value, timedOut } };
    } finally {
      own?.dispose?.();
      taken.set(served, (taken.get(served) as number) - 1);
    }
  };
  return merged(Array.from({ length: count }, (_, choice) => write(choice)));
}

/** Several streams as one, each as it comes; all of them begin at once. */
function merged<T>(streams: readonly AsyncGenerator<T, void>[]): AsyncGenerator<T, void> {
  const pull = (stream: AsyncGenerator<T, void>) => {
    const pulled = stream.next().then((next) => ({ stream, next }));
    pulled.catch(() => undefined); // thrown where it is awaited
    return pulled;
  };
  return asTheyCome(new Map(streams.map((stream) => [stream, pull(stream)])), pull);
}

interface Pulled<T> {
  readonly stream: AsyncGenerator<T, void>;
  readonly next: IteratorResult<T, void>;
}

async function* asTheyCome<T>(
  pulls: Map<AsyncGenerator<T, void>, Promise<Pulled<T>>>,
  pull: (stream: AsyncGenerator<T, void>) => Promise<Pulled<T>>,
): AsyncGenerator<T, void> {
  try {
    while (pulls.size > 0) {
      const { stream, next } = await Promise.race(pulls.values());
      if (next.done) pulls.delete(stream);
      else {
        pulls.set(stream, pull(stream));
        yield next.value;
      }
    }
  } finally {
    for (const stream of pulls.keys()) void stream.return(undefined).catch(() => undefined);
  }
}

/** The options of a request as the generate room takes them. */
export function optionsOf(request: GenerationRequest, maxTokens: number | undefined): GenerateOptions {
  const { temperature, top_p, top_k, min_p, presence_penalty, frequency_penalty, repetition_penalty } = request;
  const stop = typeof request.stop === 'string' ? [request.stop] : (request.stop ?? []);
  return {
    temperature: temperature ?? 1,
    topP: Math.max(top_p ?? 1, Number.MIN_VALUE),
    topK: Math.max(top_k ?? 0, 0),
    minP: min_p ?? 0,
    presencePenalty: presence_penalty ?? 0,
    frequencyPenalty: frequency_penalty ?? 0,
    repeatPenalty: repetition_penalty ?? 1,
    stop,
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(request.seed == null ? {} : { seed: request.seed }),
  };
}

/** The bias of a request by token. @throws ApiError when an id is not in the vocabulary. */
export function biasOf({ logit_bias }: GenerationRequest, { model }: ServedModel): Pick<GenerateOptions, 'logitBias'> {
  const entries = Object.entries(logit_bias ?? {}).map(([id, bias]) => [Number(id), bias] as const);
  const wrong = entries.find(([id]) => id >= model.config.vocabulary);
  if (wrong) throw new ApiError(400, `the token ${wrong[0]} is not in the vocabulary`, { param: 'logit_bias' });
  return entries.length > 0 ? { logitBias: new Map(entries) } : {};
}

/** Each choice whole: its pieces behind what it begins with. */
export async function gathered(
  pieces: AsyncIterable<Piece>,
  begun: readonly { readonly text: string; readonly tokens: readonly WrittenToken[] }[],
) {
  const choices = begun.map(({ text, tokens }) => ({ text, tokens: [...tokens], end: undefined as Piece['end'] }));
  for await (const { choice, text, tokens, end } of pieces) {
    const own = choices[choice] as (typeof choices)[number];
    own.text += text;
    own.tokens.push(...tokens);
    own.end ??= end;
  }
  return choices;
}

export const finishReason = ({ finishReason: reason, timedOut }: NonNullable<Piece['end']>): 'stop' | 'length' =>
  reason === 'length' || timedOut ? 'length' : 'stop';

export const timeoutField = (ends: readonly NonNullable<Piece['end']>[]) =>
  ends.some(({ timedOut }) => timedOut) ? { cria: { timeout: true } } : {};

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly prompt_tokens_details: { readonly cached_tokens: number };
}

export function usageOf(prompts: readonly (readonly number[])[], ends: readonly NonNullable<Piece['end']>[]): Usage {
  const prompt_tokens = prompts.reduce((sum, { length }) => sum + length, 0);
  const completion_tokens = ends.reduce((sum, { tokens }) => sum + tokens, 0);
  const cached_tokens = ends.reduce((sum, { cachedTokens }) => sum + cachedTokens, 0);
  return {
    prompt_tokens,
    completion_tokens,
    total_tokens: prompt_tokens + completion_tokens,
    prompt_tokens_details: { cached_tokens },
  };
}

/** A token as text. */
export const tokenText = ({ tokenizer }: ServedModel, id: number): string =>
  tokenizer.decode([id], { continues: true });
