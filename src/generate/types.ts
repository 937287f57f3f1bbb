import type { Sampling } from './sampling.ts';

export interface GenerateOptions extends Partial<Sampling> {
  /** The most tokens to generate; as many as the context takes when it is not given. */
  readonly maxTokens?: number;
  /** Strings that end the text; they are not part of it. */
  readonly stop?: readonly string[];
  readonly seed?: number;
  /** Asked one after the other until one of them gives a verdict. */
  readonly observers?: readonly Observer[];
  /** By token: added to its logit. */
  readonly logitBias?: ReadonlyMap<number, number>;
  /** Changes the logits of the next token, given the tokens generated so far: -Infinity forbids one. */
  readonly constrain?: (logits: Float32Array, ids: readonly number[]) => void;
  /**
   * Report each token's log-probability and as many of the likeliest tokens: natural logarithms of the model's own
   * distribution, before bias, constraint, penalties and temperature.
   */
  readonly logprobs?: number;
  /** How much of each gated adapter of the model acts on this text; none by default. */
  readonly gates?: readonly number[];
  readonly signal?: AbortSignal;
}

/**
 * Looks at what has been generated, after every token and before its text is given out. Without a verdict the text is
 * given out; `hold` keeps it back until a later token or the end; `stop` gives it out and ends there; `drop` ends there and
 * gives out nothing of what is kept back. Other texts go on while an observer thinks.
 */
export type Observer = (draft: Draft) => Verdict | Promise<Verdict>;
export type Verdict = undefined | 'hold' | 'stop' | 'drop';

export interface Draft {
  /** The text that is certain, without the prompt; the part that is kept back is its end. */
  readonly text: string;
  readonly ids: readonly number[];
  /** How much of the text has been given out. */
  readonly given: number;
  /** The text has ended: it is given out unless the verdict is `drop`. */
  readonly ended: boolean;
  /**
   * The logits after the tokens so far and after each of further ones, [ids + 1, vocabulary]: the text goes on as if they
   * had not been read. @throws CriaError when they do not fit into the context.
   */
  probe(ids: readonly number[]): Promise<Float32Array>;
}

/** Why a text ended: the model ended it, a stop string, its length, the observers, or the caller. */
export type FinishReason = 'end' | 'stop' | 'length' | 'observer' | 'cancelled';

export interface TokenLogprob {
  readonly id: number;
  readonly logprob: number;
}

/** A token that was generated; the log-probabilities where they were asked for. */
export interface WrittenToken {
  readonly id: number;
  readonly logprob?: number;
  /** The likeliest tokens, in order. */
  readonly top?: readonly TokenLogprob[];
}

/** Text that is given out, and the tokens since the last time. */
export interface Written {
  readonly text: string;
  readonly tokens: readonly WrittenToken[];
}

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
