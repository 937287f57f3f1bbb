import type { Random } from '../base/index.ts';

export interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** One row of training data, in the forms that `cria train --data` reads. */
export type WorldRow =
  | { readonly text: string }
  | { readonly prompt: string; readonly completion: string }
  | { readonly messages: readonly Message[] };

/** A held-out question with its one right answer: greedy decoding of `prompt` is to write `completion`. */
export interface HeldOut {
  readonly prompt: string;
  readonly completion: string;
  /** The same as a conversation, where it is one: the last message is the right answer. */
  readonly messages?: readonly Message[];
}

/**
 * Something to learn: rows without end, and tasks, whose questions training never shows. What is held out is decided
 * by a hash of what a question combines (`isHeldOut`), so that it does not depend on what was drawn before.
 */
export interface Skill {
  readonly name: string;
  /** A row of training data. */
  readonly row: (random: Random) => WorldRow;
  /** Held-out questions by the name of their task. */
  readonly tasks: Readonly<Record<string, (random: Random) => HeldOut>>;
}
