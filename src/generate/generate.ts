import { CriaError, commonLength, randomFrom } from '../base/index.ts';
import { type Cache, type IncrementalDecoder, type LoadedModel, lengthMatters } from '../model/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import { type Sampling, sample, samplingFrom } from './sampling.ts';
import { textOfIds } from './stop-matcher.ts';

/** Looks at what has been generated so far, after every token; `stop` ends the text there. */
export type Observer = (partial: Partial) => undefined | 'stop' | Promise<undefined | 'stop'>;

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

/** A model with what it has read: a conversation continues without reading its beginning again. It serves one text at a time. */
export interface Session {
  readonly model: LoadedModel;
  readonly tokenizer: Tokenizer;
  readonly cached: IncrementalDecoder;
  readonly cache: Cache;
  /** The tokens that the cache holds. */
  readonly read: number[];
}

/** A session that has read nothing. */
export function newSession(model: LoadedModel, tokenizer: Tokenizer, cached: IncrementalDecoder): Session {
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
  const sampling = samplingFrom(options);
  if (prompt.length === 0)
    throw new CriaError('the prompt has no tokens', { where: session.model.path, remedy: 'give some text' });
  const most = mostTokens(session.model, prompt.length, options.maxTokens);
  const random = randomFrom(options.seed ?? 0);
  const ends = new Set(session.tokenizer.special.eos);
  const written = textOfIds(session.tokenizer, options.stop);
  const ids: number[] = [];
  let text = '';
  let reason: FinishReason = 'length';

  const started = performance.now();
  const cachedTokens = rewind(session, prompt);
  let logits = await extend(session, prompt.slice(cachedTokens), options.signal);
  const prefilled = performance.now();
  while (ids.length < most) {
    if (!logits || options.signal?.aborted) {
      reason = 'cancelled';
      break;
    }
    const id = sample(logits, session.read, sampling, random);
    ids.push(id);
    if (ends.has(id)) {
      reason = 'end';
      break;
    }
    const { text: piece, stopped } = written.push(id);
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
    const rest = written.finish();
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

/**
 * How many tokens may follow a prompt of a length.
 * @throws CriaError when the prompt does not fit or maxTokens is not a whole number.
 */
export function mostTokens({ config, path }: LoadedModel, length: number, maxTokens: number | undefined): number {
  const room = config.context - length;
  if (room < 0) {
    const what = `a prompt of ${length} tokens does not fit into the context of ${config.context}`;
    throw new CriaError(what, { where: path, remedy: 'shorten it' });
  }
  if (maxTokens === undefined) return room;
  if (Number.isInteger(maxTokens) && maxTokens >= 0) return Math.min(maxTokens, room);
  throw new CriaError(`maxTokens is ${maxTokens}`, { remedy: 'give a whole number' });
}

/** Forgets what the cache holds beyond its common beginning with `prompt`; returns how much of the prompt is left in it. */
function rewind({ model, cache, read }: Session, prompt: readonly number[]): number {
  const rotatedAnew = lengthMatters(model.config.rope, cache.start + Math.max(read.length, prompt.length));
  const most = rotatedAnew ? 0 : prompt.length - 1;
  const common = Math.min(commonLength(read, prompt), most);
  cache.truncate(common);
  read.length = common;
  return common;
}

/** The logits after further tokens; nothing when it was cancelled, and then they are not read. */
async function extend(
  { cached, cache, read }: Session,
  ids: readonly number[],
  signal?: AbortSignal,
): Promise<Float32Array | undefined> {
  try {
    const logits = await cached.extend(cache, [ids], signal);
    for (const id of ids) read.push(id);
    return logits;
  } catch (error) {
    cache.truncate(read.length);
    if (signal?.aborted) return undefined;
    throw error;
  }
}

async function observed(observers: readonly Observer[] | undefined, partial: Partial): Promise<boolean> {
  for (const observer of observers ?? []) if ((await observer(partial)) === 'stop') return true;
  return false;
}
