import { CriaError, randomFrom } from '../base/index.ts';
import type { Cache, Cached, LoadedModel } from '../model/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import { checkSampling, greedy, pick, type Sampling } from './sampling.ts';
import { stopWatch } from './stops.ts';

/** Looks at what has been generated so far, after every token; `stop` ends the text there. */
export type Observer = (partial: Partial) => void | 'stop' | Promise<void | 'stop'>;

export interface Partial {
  /** The text that is certain, without the prompt. */
  readonly text: string;
  readonly ids: readonly number[];
}

export interface GenerateOptions extends globalThis.Partial<Sampling> {
  /** The most tokens to generate; as many as the context takes when it is not given. */
  readonly maxTokens?: number;
  /** Strings that end the text; they are not part of it. */
  readonly stop?: readonly string[];
  readonly seed?: number;
  readonly observers?: readonly Observer[];
  readonly signal?: AbortSignal;
}

/** Why a text ended: the model ended it, a stop string, its length, the observers, or the caller. */
export type FinishReason = 'end' | 'stop' | 'length' | 'observer' | 'cancelled';

export interface Generated {
  readonly ids: readonly number[];
  readonly text: string;
  readonly promptTokens: number;
  /** Prompt tokens that were still in the cache and were not read again. */
  readonly cachedTokens: number;
  readonly tokens: number;
  readonly prefillSeconds: number;
  readonly decodeSeconds: number;
  readonly finishReason: FinishReason;
}

/** A model with what it has read: a conversation continues without reading its beginning again. */
export interface Session {
  readonly model: LoadedModel;
  readonly tokenizer: Tokenizer;
  readonly cached: Cached;
  readonly cache: Cache;
  /** The tokens that the cache holds. */
  readonly read: number[];
}

/** A session that has read nothing. */
export function newSession(model: LoadedModel, tokenizer: Tokenizer, cached: Cached): Session {
  return { model, tokenizer, cached, cache: cached.cache(), read: [] };
}

/**
 * Continues a prompt token by token; yields text as soon as it is certain (no half characters, nothing that may
 * begin a stop string) and returns the whole. The same seed gives the same tokens.
 * @throws CriaError when an option is out of range or the prompt does not fit.
 */
export async function* generate(
  session: Session,
  prompt: readonly number[],
  options: GenerateOptions = {},
): AsyncGenerator<string, Generated> {
  const sampling = { ...greedy, ...defined(options) };
  checkSampling(sampling);
  const { config, path } = session.model;
  if (prompt.length === 0) throw new CriaError('the prompt has no tokens', { where: path, remedy: 'give some text' });
  const most = Math.min(options.maxTokens ?? Number.POSITIVE_INFINITY, config.context - prompt.length);
  const random = randomFrom(options.seed ?? 0);
  const ends = new Set(session.tokenizer.special.eos);
  const decoder = session.tokenizer.stream({ skipSpecial: true });
  const watch = stopWatch(options.stop ?? []);
  const ids: number[] = [];
  let text = '';
  let reason: FinishReason = 'length';

  const started = performance.now();
  const cachedTokens = rewind(session, prompt);
  let logits = await extend(session, prompt.slice(cachedTokens), options.signal);
  const prefilled = performance.now();
  while (ids.length < most) {
    if (options.signal?.aborted) {
      reason = 'cancelled';
      break;
    }
    const id = pick(logits, session.read, sampling, random);
    ids.push(id);
    if (ends.has(id)) {
      reason = 'end';
      break;
    }
    const { text: piece, stopped } = watch.push(decoder.push(id));
    text += piece;
    if (piece) yield piece;
    if (stopped) {
      reason = 'stop';
      break;
    }
    if (await observed(options.observers, { text, ids })) {
      reason = 'observer';
      break;
    }
    if (ids.length < most) logits = await extend(session, [id]);
  }
  const finished = performance.now();
  if (reason !== 'stop') {
    const last = watch.push(decoder.finish());
    const rest = last.text + (last.stopped ? '' : watch.rest());
    text += rest;
    if (rest) yield rest;
  }
  return {
    ids,
    text,
    promptTokens: prompt.length,
    cachedTokens,
    tokens: ids.length,
    prefillSeconds: (prefilled - started) / 1000,
    decodeSeconds: (finished - prefilled) / 1000,
    finishReason: reason,
  };
}

/** Forgets what the cache holds beyond its common beginning with `prompt`; returns how much of the prompt is left in it. */
function rewind({ cache, read }: Session, prompt: readonly number[]): number {
  let common = 0;
  while (common < read.length && common < prompt.length - 1 && read[common] === prompt[common]) common++;
  cache.truncate(common);
  read.length = common;
  return common;
}

async function extend(session: Session, ids: readonly number[], signal?: AbortSignal): Promise<Float32Array> {
  try {
    const logits = await session.cached.extend(session.cache, [ids], signal);
    session.read.push(...ids);
    return logits;
  } catch (error) {
    session.cache.truncate(session.read.length);
    throw error;
  }
}

async function observed(observers: readonly Observer[] | undefined, partial: Partial): Promise<boolean> {
  for (const observer of observers ?? []) if ((await observer(partial)) === 'stop') return true;
  return false;
}

/** The sampling options that were given. */
function defined(options: GenerateOptions): globalThis.Partial<Sampling> {
  const given: Record<string, number> = {};
  for (const name of Object.keys(greedy) as (keyof Sampling)[]) {
    if (options[name] !== undefined) given[name] = options[name];
  }
  return given;
}
