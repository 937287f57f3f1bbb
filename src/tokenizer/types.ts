import type { MetadataValue } from '../checkpoint/index.ts';

/** One turn of a conversation as chat templates take it: text or parts of it, calls of tools, and what else they read. */
export interface ChatMessage {
  readonly role: string;
  readonly content?: unknown;
}

/** What a chat template is given besides the messages. */
export interface ChatOptions {
  /** End with the beginning of an answer. */
  readonly addGenerationPrompt?: boolean;
  /** Descriptions of tools as JSON schemas; undefined for none. */
  readonly tools?: readonly unknown[];
  readonly documents?: readonly unknown[];
}

/** Turns ids into text as they come: what `push` and `finish` return, joined, is what `decode` returns. */
export interface TextStream {
  /** The text that is certain after this id: never half a character. */
  push(id: number): string;
  /** What is left: bytes that never became a character come out as U+FFFD. */
  finish(): string;
}

export interface DecodeOptions {
  /** Leaves the special tokens out. */
  readonly skipSpecial?: boolean;
  /** The text goes on after another: a space at its start is its own, not the one that encoding puts before a text. */
  readonly continues?: boolean;
}

/** Text to token ids and back, for one model. */
export interface Tokenizer {
  /** One more than the largest id that the tokenizer knows. */
  readonly vocabularySize: number;
  /**
   * The ids of a text. `special` (default true) adds the begin and end tokens that the model's post-processor asks
   * for; a rendered chat template has them already. `continued` (default false) leaves the end tokens out: something
   * follows. `parseSpecial` (default true) turns '<|im_start|>' inside the text
   * into its id: false for text that a stranger wrote. Lone surrogates count as U+FFFD.
   */
  encode(text: string, options?: { special?: boolean; continued?: boolean; parseSpecial?: boolean }): number[];
  /**
   * The text of ids, without any clean-up of spaces: for byte-level tokenizers `decode(encode(x)) === x`. Ids
   * without a token decode to ''.
   */
  decode(ids: readonly number[], options?: DecodeOptions): string;
  stream(options?: DecodeOptions): TextStream;
  /** The token as the vocabulary spells it ('Ġthe', '▁the'); '' where an id has none. */
  tokenOf(id: number): string;
  /** The id of a token as the vocabulary spells it. */
  idOf(token: string): number | undefined;
  readonly special: SpecialIds;
  /** Whether the source of a chat template of the model holds a name: else no template reads a key that is called so. */
  templateNames(name: string): boolean;
  /** The Jinja source of the model's chat template. */
  readonly chatTemplate: string | undefined;
  /**
   * The conversation as the model's chat template writes it, to be looked at: `encodeChat` gives its ids.
   * @throws CriaError when the model has no template, or its template refuses the conversation.
   */
  applyChatTemplate(messages: readonly ChatMessage[], options?: ChatOptions): string;
  /**
   * The ids of a conversation in the model's chat template. What messages and tools say is text, whatever it spells: the special
   * tokens are the template's own.
   * @throws CriaError as applyChatTemplate.
   */
  encodeChat(messages: readonly ChatMessage[], options?: ChatOptions): number[];
  /**
   * The `tokenizer.*` keys of a GGUF header.
   * @throws CriaError when llama.cpp has no name for this pre-tokenizer.
   */
  ggufMetadata(): Map<string, MetadataValue>;
  /** The texts of the tokenizer's files in a Hugging Face folder. */
  huggingFaceFiles(): { 'tokenizer.json': string; 'tokenizer_config.json': string };
}

/** Ids with a role. `eos` are all that end a generation: end of text, of turn, of message. */
export interface SpecialIds {
  readonly bos?: number;
  readonly eos: readonly number[];
  readonly pad?: number;
  readonly unknown?: number;
}
