import { randomUUID } from 'node:crypto';
import { queue } from '../base/index.ts';
import type { Generated, GenerateOptions, WrittenToken } from '../generate/index.ts';
import { ApiError } from './errors.ts';
import type { JsonGrammar } from './grammar.ts';
import type { Metrics } from './metrics.ts';
import type { ServedModel } from './models.ts';
import type { GenerationRequest } from './schemas.ts';

/** An answer, whole or as events of a stream: one of the two is asked for. */
export interface Reply {
  readonly stream: boolean;
  whole(): Promise<object>;
  events(): AsyncGenerator<object, void>;
}

/** What a request is answered with besides the model. */
export interface Answering {
  readonly metrics: Metrics;
  /** A fresh seed for a request that brings none. */
  readonly freshSeed: () => number;
  readonly slots: number;
  readonly queue: number;
  /** Seconds after which a text ends where it is. */
  readonly timeout: number;
  /** By slots: the texts that have been taken on and have not ended. */
  readonly taken: Map<ServedModel['slots'], number>;
}

export type Ended = Generated & { readonly timedOut: boolean };

export interface Piece {
  readonly choice: number;
  readonly text: string;
  readonly tokens: readonly WrittenToken[];
  /** Of the last piece of a choice. */
  readonly end?: Ended;
}

/** The texts that a request asks for. */
export interface Texts {
  readonly prompts: readonly (readonly number[])[];
  /** The field that the prompts come from. */
  readonly param: 'prompt' | 'messages';
  readonly options: GenerateOptions;
  /** What each text is to follow. */
  readonly grammar?: (() => Promise<JsonGrammar>) | undefined;
  readonly n: number;
  readonly signal: AbortSignal;
}

/**
 * The texts of a request side by side, piece by piece as they come; choice i is of prompt i / n. They are written whether or
 * not somebody reads the pieces, until `signal` ends them, and take at most as many places as there are slots.
 * @throws ApiError 400 when a prompt is too long or a grammar cannot be followed, 429 when there is no place.
 */
export async function piecesOf(served: ServedModel, texts: Texts, answering: Answering): Promise<AsyncIterable<Piece>> {
  const { prompts, param, options, n, signal } = texts;
  const { slots, timeout, metrics } = answering;
  const count = prompts.length * n;
  if (n > slots) throw new ApiError(400, `n is ${n}, and the server has ${slots} slots`, { param: 'n' });
  const { context } = served.model.config;
  for (const prompt of prompts) {
    if (prompt.length === 0) throw new ApiError(400, 'the prompt has no tokens', { param });
    if (prompt.length <= context) continue;
    const message = `the prompt has ${prompt.length} tokens, and the model's context is ${context}`;
    throw new ApiError(400, message, { code: 'context_length_exceeded', param });
  }
  const begun = performance.now();
  const places = Math.min(count, slots);
  const leave = takePlaces(served, places, answering);
  const grammar = await texts.grammar?.().catch((error: unknown) => {
    leave(places);
    throw error;
  });
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort('late'), Math.min(timeout * 1000, 2 ** 31 - 1));
  const either = AbortSignal.any([signal, stop.signal]);
  const { items, push, finish, fail } = queue<Piece>();

  const write = async (choice: number) => {
    const prompt = prompts[Math.floor(choice / n)] as readonly number[];
    const seed = (options.seed ?? answering.freshSeed()) + (choice % n);
    const own = await grammar?.begin();
    const { gates } = served;
    try {
      const written = served.slots.write(prompt, { ...options, ...own?.options, gates, seed, signal: either });
      for (let last = 0; ; ) {
        const { done, value } = await written.next();
        if (done) {
          const cut = value.finishReason === 'cancelled' && stop.signal.reason === 'late' && !signal.aborted;
          return push({ choice, text: '', tokens: [], end: { ...value, timedOut: cut } });
        }
        const now = performance.now();
        if (last === 0) metrics.firstToken.observe((now - begun) / 1000);
        else metrics.betweenTokens.observe((now - last) / 1000);
        last = now;
        metrics.tokens.inc(value.tokens.length);
        push({ choice, ...value });
      }
    } finally {
      own?.dispose();
    }
  };
  let next = 0;
  const writeSome = async () => {
    try {
      while (next < count) await write(next++);
    } finally {
      leave(1);
    }
  };
  void Promise.all(Array.from({ length: places }, writeSome))
    .then(finish, (error: unknown) => {
      fail(error);
      stop.abort();
    })
    .finally(() => clearTimeout(timer));
  return { [Symbol.asyncIterator]: items };
}

/** Takes places of a model; the function gives some of them back. @throws ApiError 429 when there are not as many. */
export function takePlaces({ slots: slotsOf }: ServedModel, count: number, { slots, queue: most, taken }: Answering) {
  const before = taken.get(slotsOf) ?? 0;
  if (before + count > slots + most) {
    const headers = { 'retry-after': String(1 + slotsOf.waiting) };
    throw new ApiError(429, 'the server is busy: try again later', { code: 'queue_full', headers });
  }
  taken.set(slotsOf, before + count);
  return (some: number): void => {
    taken.set(slotsOf, (taken.get(slotsOf) as number) - some);
  };
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

export const finishReason = ({ finishReason: reason, timedOut }: Ended): 'stop' | 'length' =>
  reason === 'length' || timedOut ? 'length' : 'stop';

export const timeoutField = (ends: readonly Ended[]) =>
  ends.some(({ timedOut }) => timedOut) ? { cria: { timeout: true } } : {};

export function usageOf(prompts: readonly (readonly number[])[], ends: readonly Ended[]) {
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

/** What every answer begins with. */
export const headOf = (kind: string, { model }: GenerationRequest) => ({
  id: `${kind}-${randomUUID()}`,
  created: Math.floor(Date.now() / 1000),
  model,
});

/** A token as text. */
export const tokenText = ({ tokenizer }: ServedModel, id: number): string =>
  tokenizer.decode([id], { continues: true });
