import { CriaError } from './base/index.ts';
import {
  type BatchResult,
  type Generated,
  type GenerateOptions,
  generateBatch,
  generate as generateIn,
  newSession,
  openSlots,
  type Session,
} from './generate/index.ts';
import {
  type Config,
  type Edit,
  type Forward,
  type IncrementalDecoder,
  type LoadedModel,
  loadModel,
  type ModelOptions,
  openForward,
  openIncrementalDecoder,
} from './model/index.ts';
import { type ChatMessage, openTokenizer, type Tokenizer } from './tokenizer/index.ts';

const promptsAtOnce = 8;

/** An opened language model: what most programs need of cria. */
export interface Model {
  readonly config: Config;
  readonly tokenizer: Tokenizer;
  /** The model as the other rooms take it. */
  readonly loaded: LoadedModel;
  /** Continues a prompt, given as text or ids; yields text as it comes, returns the whole with its figures. */
  generate(prompt: string | readonly number[], options?: GenerateOptions): AsyncGenerator<string, Generated>;
  /** Continues several prompts, a few at once in each pass of the model: results as `generateBatch` has them. */
  generateBatch(prompts: readonly (string | readonly number[])[], options?: GenerateOptions): Promise<BatchResult[]>;
  /** A conversation: each call reads only what is new. */
  chat(system?: string): Chat;
  /** Log-probabilities of a text's tokens, each given those before it: the first has none. */
  score(text: string | readonly number[]): Promise<{ ids: readonly number[]; logprobs: Float32Array }>;
  /** Activations of a text by path (see Taps), with some of them edited on the way. */
  read(
    text: string | readonly number[],
    paths: readonly string[],
    edits?: Readonly<Record<string, Edit>>,
  ): Promise<Readonly<Record<string, { shape: readonly number[]; data: Float32Array }>>>;
  /** Frees sessions and files. */
  close(): Promise<void>;
}

export interface Chat {
  readonly messages: readonly ChatMessage[];
  /**
   * Says something; yields the answer as it comes. What was said of it when the caller stops listening is the answer;
   * what the model refuses to read is not part of the conversation.
   */
  say(text: string, options?: GenerateOptions): AsyncGenerator<string, Generated>;
}

export interface OpenOptions extends ModelOptions {
  /** The source of a chat template that is used instead of the model's. */
  readonly template?: string;
}

/**
 * Opens a folder in the Hugging Face layout or a .gguf file.
 * @throws CriaError when it is missing, not sound, or of an unknown architecture.
 */
export async function open(path: string, { template, ...options }: OpenOptions = {}): Promise<Model> {
  const loaded = loadModel(path, options);
  const tokenizer = tokenizerOf(loaded, template);
  let forward: Promise<Forward> | undefined;
  let cached: Promise<IncrementalDecoder> | undefined;
  let batched: Promise<IncrementalDecoder> | undefined;

  const idsOf = (text: string | readonly number[], continued = false) =>
    typeof text === 'string' ? tokenizer.encode(text, { continued }) : text;
  const openedCached = (): Promise<IncrementalDecoder> => {
    cached ??= batched ?? openIncrementalDecoder(loaded);
    return cached;
  };
  const openedForward = (): Promise<Forward> => {
    forward ??= openForward(loaded);
    return forward;
  };

  return {
    config: loaded.config,
    tokenizer,
    loaded,
    async *generate(prompt, generateOptions) {
      // nothing is kept from one text to the next: quantized kernels round a single token otherwise than several
      return yield* generateIn(
        newSession(loaded, tokenizer, await openedCached()),
        idsOf(prompt, true),
        generateOptions,
      );
    },
    async generateBatch(prompts, generateOptions = {}) {
      batched ??= openIncrementalDecoder(loaded, { together: promptsAtOnce });
      const slots = openSlots(loaded, tokenizer, await batched, { count: promptsAtOnce, keep: 0 });
      return generateBatch(
        slots,
        prompts.map((prompt) => idsOf(prompt, true)),
        generateOptions,
      );
    },
    chat(system) {
      const messages: ChatMessage[] = system === undefined ? [] : [{ role: 'system', content: system }];
      let own: Session | undefined;
      return {
        messages,
        async *say(text, generateOptions) {
          own ??= newSession(loaded, tokenizer, await openedCached());
          const said = { role: 'user', content: text };
          const prompt = tokenizer.encodeChat([...messages, said], { addGenerationPrompt: true });
          const pieces = generateIn(own, prompt, generateOptions);
          let answer = '';
          let next = await pieces.next();
          try {
            for (; !next.done; next = await pieces.next()) {
              answer += next.value;
              yield next.value;
            }
            return next.value;
          } finally {
            messages.push(said, { role: 'assistant', content: answer });
          }
        },
      };
    },
    async score(text) {
      const ids = idsOf(text);
      if (ids.length < 2) throw new CriaError('a text of fewer than two tokens has nothing to score');
      const { run, likelihoods } = await openedForward();
      const { lastHidden } = await run([ids]);
      const rows = lastHidden.data.subarray(0, (ids.length - 1) * loaded.config.hiddenSize);
      return { ids, logprobs: await likelihoods(rows, ids.slice(1)) };
    },
    async read(text, paths, edits) {
      const { run, dispose } = await openForward(loaded, { read: paths, edits });
      try {
        return (await run([idsOf(text)])).read;
      } finally {
        await dispose();
      }
    },
    async close() {
      for (const opened of new Set([forward, cached, batched]))
        await opened?.then((each) => each.dispose()).catch(() => undefined);
      loaded.close();
    },
  };
}

/** The model's tokenizer; a model without a sound one is closed again. */
function tokenizerOf(loaded: LoadedModel, template: string | undefined): Tokenizer {
  try {
    return openTokenizer(loaded.checkpoint.tokenizer, loaded.checkpoint.generation, template);
  } catch (error) {
    loaded.close();
    throw error;
  }
}

export { CriaError } from './base/index.ts';
export type { BatchResult, Generated, GenerateOptions, Observer } from './generate/index.ts';
export type { Config, Edit, ModelOptions, Precision } from './model/index.ts';
export type { ChatMessage, Tokenizer } from './tokenizer/index.ts';
