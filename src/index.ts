import { CriaError } from './base/index.ts';
import {
  type Generated,
  type GenerateOptions,
  generate as generateIn,
  newSession,
  type Session,
} from './generate/index.ts';
import {
  type Cached,
  type Config,
  type Edit,
  type Forward,
  type LoadedModel,
  loadModel,
  type ModelOptions,
  openCached,
  openForward,
} from './model/index.ts';
import { type ChatMessage, openTokenizer, type Tokenizer } from './tokenizer/index.ts';

/** An opened language model: what most programs need of cria. */
export interface Model {
  readonly config: Config;
  readonly tokenizer: Tokenizer;
  /** The model as the other rooms take it. */
  readonly loaded: LoadedModel;
  /** Continues a prompt, given as text or ids; yields text as it comes, returns the whole with its figures. */
  generate(prompt: string | readonly number[], options?: GenerateOptions): AsyncGenerator<string, Generated>;
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
  /** Says something; yields the answer as it comes. */
  say(text: string, options?: GenerateOptions): AsyncGenerator<string, Generated>;
}

/**
 * Opens a folder in the Hugging Face layout or a .gguf file.
 * @throws CriaError when it is missing, not sound, or of an unknown architecture.
 */
export async function open(path: string, options: ModelOptions = {}): Promise<Model> {
  const loaded = loadModel(path, options);
  const tokenizer = openTokenizer(loaded.checkpoint.tokenizer, loaded.checkpoint.generation);
  const forwards = new Map<string, Promise<Forward>>();
  let cached: Promise<Cached> | undefined;
  let session: Session | undefined;

  const idsOf = (text: string | readonly number[]) => (typeof text === 'string' ? tokenizer.encode(text) : text);
  const opened = async (): Promise<Cached> => {
    cached ??= openCached(loaded);
    return cached;
  };
  const plain = async (): Promise<Forward> => {
    const known = forwards.get('') ?? openForward(loaded);
    forwards.set('', known);
    return known;
  };

  return {
    config: loaded.config,
    tokenizer,
    loaded,
    async *generate(prompt, generateOptions) {
      session ??= newSession(loaded, tokenizer, await opened());
      return yield* generateIn(session, idsOf(prompt), generateOptions);
    },
    chat(system) {
      const messages: ChatMessage[] = system === undefined ? [] : [{ role: 'system', content: system }];
      let own: Session | undefined;
      return {
        messages,
        async *say(text, generateOptions) {
          own ??= newSession(loaded, tokenizer, await opened());
          messages.push({ role: 'user', content: text });
          const prompt = tokenizer.applyChatTemplate(messages, { addGenerationPrompt: true });
          const result = yield* generateIn(own, tokenizer.encode(prompt, { special: false }), generateOptions);
          messages.push({ role: 'assistant', content: result.text });
          return result;
        },
      };
    },
    async score(text) {
      const ids = idsOf(text);
      if (ids.length < 2) throw new CriaError('a text of fewer than two tokens has nothing to score');
      const forward = await plain();
      const { normed } = await forward.run([ids]);
      const rows = normed.data.subarray(0, (ids.length - 1) * loaded.config.width);
      return { ids, logprobs: await forward.likelihoods(rows, ids.slice(1)) };
    },
    async read(text, paths, edits) {
      const forward = await openForward(loaded, { read: paths, edits });
      try {
        return (await forward.run([idsOf(text)])).read;
      } finally {
        await forward.dispose();
      }
    },
    async close() {
      for (const forward of forwards.values()) await (await forward).dispose();
      await (await cached)?.dispose();
      loaded.close();
    },
  };
}

export { CriaError } from './base/index.ts';
export type { Generated, GenerateOptions, Observer } from './generate/index.ts';
export type { Config, Edit, ModelOptions, Precision } from './model/index.ts';
export type { ChatMessage, Tokenizer } from './tokenizer/index.ts';
