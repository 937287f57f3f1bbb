import { CriaError, queue, serialized } from '../base/index.ts';
import { gateFeeds, type IncrementalDecoder, type LoadedModel, type Sequence } from '../model/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import { type TextDraft, textDraft } from './draft.ts';
import { lastText, manyTexts, type Prefixes } from './prefixes.ts';
import { samplingFrom } from './sampling.ts';
import type { FinishReason, Generated, GenerateOptions, Written } from './types.ts';

/** Texts that are written side by side: each run of the model takes one token of each. */
export interface Slots {
  /**
   * Continues a prompt as soon as a slot is free, and yields text as soon as it is certain and the observers let it
   * pass. A caller who stops listening frees the slot.
   * @throws CriaError when an option is out of range or the prompt does not fit.
   */
  write(prompt: readonly number[], options?: GenerateOptions): AsyncGenerator<Written, Generated>;
  /**
   * Reads a text some tokens at a time, between the tokens of the others: the logits behind each of them, [some, vocabulary].
   * @throws CriaError when it does not fit into the context; the signal's reason when it is aborted.
   */
  read(ids: readonly number[], options?: Pick<GenerateOptions, 'gates' | 'signal'>): AsyncGenerator<Float32Array, void>;
  /** Texts that have a slot, and those that wait for one. */
  readonly active: number;
  readonly waiting: number;
}

export interface SlotOptions {
  /** Sequences computed at once. */
  readonly count: number;
  /** Tokens of ended texts that are kept, so that other texts may begin with them. */
  readonly keep?: number;
}

/** A text from the request to its end. */
interface Job {
  readonly prompt: readonly number[];
  readonly options: GenerateOptions;
  readonly draft: TextDraft;
  readonly stopped: () => boolean;
  /** Ends the text: with a failure, or with the result. */
  readonly end: (outcome: Outcome) => void;
  sequence?: Sequence;
  cachedTokens: number;
  started: number;
  prefilled: number;
  /** An observer is thinking. */
  thinking: boolean;
  /** Why the text ends, decided but not yet acted on. */
  outcome?: Outcome | undefined;
}

type Outcome = FinishReason | { readonly failure: unknown };

const chunk = 512; // tokens of a prompt between two tokens of the others
const chunkOfLogits = 128; // where each has logits

/** Slots over a decoder. */
export function openSlots(
  model: LoadedModel,
  tokenizer: Tokenizer,
  decoder: IncrementalDecoder,
  { count, keep = model.config.context }: SlotOptions,
): Slots {
  const known = new Map<string, Prefixes>(); // texts are read otherwise under other gates
  return slotsOver(model, tokenizer, decoder, count, ({ gates }) => {
    const prefixes = known.get(String(gates)) ?? manyTexts(model, decoder, keep);
    known.set(String(gates), prefixes);
    return prefixes;
  });
}

/** One slot whose next text may begin with the last one, which stays in its place in the cache. */
export function openConversation(model: LoadedModel, tokenizer: Tokenizer, decoder: IncrementalDecoder) {
  const prefixes = lastText(model, decoder);
  return { slots: slotsOver(model, tokenizer, decoder, 1, () => prefixes), prefixes };
}

function slotsOver(
  model: LoadedModel,
  tokenizer: Tokenizer,
  decoder: IncrementalDecoder,
  count: number,
  prefixesOf: (options: GenerateOptions) => Prefixes,
): Slots {
  const waiting: Job[] = [];
  const running = new Set<Job>();
  let wake = () => {};
  let isAwake = false;
  // one after the other: they would only take the cores from each other
  const exclusive = serialized((work: () => Promise<void>) => work());

  /** Does what is to be done until no text is left. */
  async function work(): Promise<void> {
    if (isAwake) return wake();
    isAwake = true;
    while (running.size + waiting.length > 0) {
      await exclusive(round).catch((failure: unknown) => {
        for (const job of running) job.outcome = { failure };
      });
      const isIdle = [...running].every((job) => job.thinking && !job.outcome && !job.stopped());
      if (running.size > 0 && isIdle) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
    isAwake = false;
  }

  /** Frees and fills slots, then reads some of one prompt and a token of every other text. */
  async function round(): Promise<void> {
    for (const job of running) if (job.outcome ?? job.stopped()) end(job, job.outcome ?? 'cancelled');
    for (const job of waiting.filter((each) => each.stopped())) {
      waiting.splice(waiting.indexOf(job), 1);
      job.end('cancelled');
    }
    while (running.size < count && waiting.length > 0) begin(waiting.shift() as Job);
    const [prompt] = [...running].filter((job) => toRead(job).length > 1);
    if (prompt) await readPrompt(prompt);
    const ready = [...running].filter((job) => !job.thinking && !job.outcome && toRead(job).length === 1);
    if (ready.length > 0) await readTokens(ready);
  }

  const toRead = ({ sequence, prompt, draft }: Job): readonly number[] => {
    const read = sequence?.ids.length ?? 0;
    return read < prompt.length ? prompt.slice(read) : draft.ids.slice(read - prompt.length);
  };

  const gated = (ids: readonly number[], gates?: readonly number[]) => {
    const { gates: count } = model.adaptation;
    return count > 0 ? { feeds: gateFeeds([ids], count, () => gates ?? []) } : {};
  };
  const pieceOf = ({ sequence, options }: Job, ids: readonly number[]) => ({
    sequence: sequence as Sequence,
    ids,
    ...gated(ids, options.gates),
  });

  function begin(job: Job): void {
    job.started = performance.now();
    job.sequence = prefixesOf(job.options).take(job.prompt);
    job.cachedTokens = job.sequence.ids.length;
    running.add(job);
  }

  async function readPrompt(job: Job): Promise<void> {
    await guarded([job], async () => {
      const [result] = await decoder.extend([pieceOf(job, toRead(job).slice(0, chunk))], job.options.signal);
      if (toRead(job).length === 0) goOn(job, result?.logits as Float32Array);
    });
  }

  async function readTokens(jobs: readonly Job[]): Promise<void> {
    await guarded(jobs, async () => {
      const results = await decoder.extend(jobs.map((job) => pieceOf(job, toRead(job))));
      for (const [i, job] of jobs.entries()) goOn(job, results[i]?.logits as Float32Array);
    });
  }

  /** A failure ends the texts that were read. */
  async function guarded(jobs: readonly Job[], read: () => Promise<void>): Promise<void> {
    try {
      await read();
    } catch (failure) {
      for (const job of jobs) job.outcome = job.stopped() ? 'cancelled' : { failure };
    }
  }

  /** Writes the next token. */
  function goOn(job: Job, logits: Float32Array): void {
    if (job.stopped()) return;
    if (job.draft.ids.length === 0) job.prefilled = performance.now();
    try {
      const decided = job.draft.settle(job.draft.next(logits));
      if (decided instanceof Promise) void wait(job, decided);
      else if (decided) end(job, decided);
    } catch (failure) {
      job.outcome = { failure };
    }
  }

  /** Lets an observer think. */
  async function wait(job: Job, decided: Promise<FinishReason | undefined>): Promise<void> {
    job.thinking = true;
    try {
      job.outcome = await decided;
    } catch (failure) {
      job.outcome = { failure };
    }
    job.thinking = false;
    wake();
  }

  function end(job: Job, outcome: Outcome): void {
    running.delete(job);
    prefixesOf(job.options).give(job.sequence as Sequence);
    if (outcome === 'cancelled') job.draft.cancel();
    job.end(outcome);
  }

  /** The logits behind a draft and further tokens, which are forgotten again. */
  async function probe(job: Job, ids: readonly number[]): Promise<Float32Array> {
    let logits: Float32Array = new Float32Array();
    await exclusive(async () => {
      const read = job.sequence as Sequence;
      const before = read.ids.length;
      const piece = pieceOf(job, [...toRead(job), ...ids]);
      const [result] = await decoder.extend([{ ...piece, logits: 'all' }]);
      read.truncate(before);
      logits = result?.logits as Float32Array;
    });
    return logits;
  }

  return {
    get active() {
      return running.size;
    },
    get waiting() {
      return waiting.length;
    },
    async *read(ids, { gates, signal } = {}) {
      const sequence = decoder.open();
      for (let from = 0; from < ids.length; from += chunkOfLogits) {
        const some = ids.slice(from, from + chunkOfLogits);
        const piece = { sequence, ids: some, logits: 'all' as const, ...gated(some, gates) };
        let logits: Float32Array = new Float32Array();
        await exclusive(async () => {
          const [result] = await decoder.extend([piece], signal);
          logits = result?.logits as Float32Array;
        });
        yield logits;
      }
    },
    async *write(prompt, options = {}) {
      const sampling = samplingFrom(options);
      if (prompt.length === 0)
        throw new CriaError('the prompt has no tokens', { where: model.path, remedy: 'use a longer prompt' });
      const most = mostTokens(model, prompt.length, options.maxTokens);
      const { items, push, finish, fail } = queue<Written>();
      let left = false;
      const job: Job = {
        prompt,
        options,
        draft: textDraft(prompt, options, { tokenizer, sampling, most, give: push, probe: (ids) => probe(job, ids) }),
        stopped: () => left || options.signal?.aborted === true,
        end(outcome) {
          if (typeof outcome === 'object') return fail(outcome.failure);
          finishReason = outcome;
          finish();
        },
        cachedTokens: 0,
        started: performance.now(),
        prefilled: performance.now(),
        thinking: false,
      };
      let finishReason: FinishReason = 'length';
      const onAbort = () => wake();
      options.signal?.addEventListener('abort', onAbort);
      try {
        if (most > 0) {
          waiting.push(job);
          void work();
          yield* items();
        }
      } finally {
        left = true;
        options.signal?.removeEventListener('abort', onAbort);
        wake();
      }
      const { ids, text } = job.draft;
      const finished = performance.now();
      return {
        ids,
        text,
        promptTokens: prompt.length,
        cachedTokens: job.cachedTokens,
        tokens: ids.length,
        prefillSeconds: (job.prefilled - job.started) / 1000,
        decodeSeconds: (finished - job.prefilled) / 1000,
        finishReason,
      };
    },
  };
}

/**
 * How many tokens may follow a prompt of a length.
 * @throws CriaError when the prompt does not fit or maxTokens is not a whole number.
 */
function mostTokens({ config, path }: LoadedModel, length: number, maxTokens: number | undefined): number {
  const room = config.context - length;
  if (room < 0) {
    const what = `a prompt of ${length} tokens does not fit in the context of ${config.context}`;
    throw new CriaError(what, { where: path, remedy: 'shorten it' });
  }
  if (maxTokens === undefined) return room;
  if (Number.isInteger(maxTokens) && maxTokens >= 0) return Math.min(maxTokens, room);
  throw new CriaError(`maxTokens must be an integer of at least 0 (got ${maxTokens})`);
}
