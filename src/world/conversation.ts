import type { HeldOut, Message } from './types.ts';

/**
 * A conversation as the chat template of the world's tokenizer writes it, less the begin token, which encoding adds;
 * open for the assistant to answer.
 */
export function conversation(messages: readonly Message[]): string {
  return `${messages.map(({ role, content }) => `<|${role}|>${content}<|end|>`).join('')}<|assistant|>`;
}

export function user(content: string): Message {
  return { role: 'user', content };
}

export function assistant(content: string): Message {
  return { role: 'assistant', content };
}

/** A question that a conversation ends with: its last message is the answer. */
export function asked(messages: readonly Message[]): HeldOut {
  const answer = messages.at(-1) as Message;
  return { prompt: conversation(messages.slice(0, -1)), completion: answer.content, messages };
}
