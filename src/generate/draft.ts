import { randomFrom } from '../base/index.ts';
import { likeliest, logSumExp } from '../model/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import { type Sampling, sample } from './sampling.ts';
import { textOfIds } from './stop-matcher.ts';
import type { Draft, FinishReason, GenerateOptions, Observer, Verdict, Written, WrittenToken } from './types.ts';

/** A text while it is written: its tokens, what is certain of its text, and what of it is kept back. */
export interface TextDraft {
  readonly ids: readonly number[];
  readonly text: string;
  /** Takes the logits after all tokens so far; returns why the text ends here, if it does. They are changed. */
  next(logits: Float32Array): FinishReason | undefined;
  /** Asks the observers, and gives out text: then why the text ends here, if it does. */
  settle(reason: FinishReason | undefined): FinishReason | undefined | Promise<FinishReason | undefined>;
  /** Gives out what is left of a text that nobody waits for any more. */
  cancel(): void;
}

export interface DraftTools {
  readonly tokenizer: Tokenizer;
  readonly sampling: Sampling;
  readonly most: number;
  readonly give: (written: Written) => void;
  readonly probe: Draft['probe'];
}

/** A draft that goes on after `prompt`. */
export function textDraft(prompt: readonly number[], options: GenerateOptions, tools: DraftTools): TextDraft {
  const { tokenizer, sampling, most, give, probe } = tools;
  const { observers = [], logitBias, constrain, logprobs, seed = 0 } = options;
  const random = randomFrom(seed);
  const ends = new Set(tokenizer.special.eos);
  const certain = textOfIds(tokenizer, options.stop);
  const ids: number[] = [];
  const history = [...prompt];
  const generated = new Map<number, number>();
  let text = '';
  let given = 0;
  let tokens: WrittenToken[] = []; // since the last time that text was given out

  const draw = (logits: Float32Array): WrittenToken => {
    const own = logprobs === undefined ? undefined : logits.slice();
    for (const [id, bias] of logitBias ?? []) logits[id] = (logits[id] as number) + bias;
    constrain?.(logits, ids);
    const id = sample(logits, history, sampling, random, generated);
    if (!own) return { id };
    return {
      id,
      logprob: (own[id] as number) - logSumExp(own),
      top: likeliest(own, logprobs as number).map(({ id, logprob }) => ({ id, logprob })),
    };
  };

  const giveOut = () => {
    const piece = text.slice(given);
    if (piece === '' && tokens.length === 0) return;
    given = text.length;
    give({ text: piece, tokens });
    tokens = [];
  };

  const finish = (reason: FinishReason) => {
    if (reason !== 'stop') text += certain.finish();
  };

  const ask = async (asked: readonly Observer[], ended: boolean): Promise<Verdict> => {
    for (const observer of asked) {
      const verdict = await observer({ text, ids, given, ended, probe });
      if (verdict) return verdict;
    }
    return undefined;
  };

  const judged = async (reason: FinishReason | undefined): Promise<FinishReason | undefined> => {
    const verdict = await ask(observers, reason !== undefined);
    if (verdict === 'drop') {
      text = text.slice(0, given);
      return 'observer';
    }
    if (verdict === 'hold' && reason === undefined) return undefined;
    if (verdict === 'stop' && reason === undefined) finish('observer');
    giveOut();
    return reason ?? (verdict === 'stop' ? 'observer' : undefined);
  };

  return {
    ids,
    get text() {
      return text;
    },
    next(logits) {
      const token = draw(logits);
      ids.push(token.id);
      history.push(token.id);
      generated.set(token.id, (generated.get(token.id) ?? 0) + 1);
      tokens.push(token);
      if (ends.has(token.id)) return 'end';
      const seen = certain.push(token.id);
      text += seen.text;
      if (seen.stopped) return 'stop';
      return ids.length >= most ? 'length' : undefined;
    },
    settle(reason) {
      if (reason) finish(reason);
      if (observers.length > 0 && !(reason && text.length === given)) return judged(reason);
      if (reason || text.length > given) giveOut();
      return reason;
    },
    cancel() {
      if (observers.length > 0) {
        text = text.slice(0, given); // nothing is given out that no observer has seen
        return;
      }
      finish('cancelled');
      giveOut();
    },
  };
}
