import { createContext, Script } from 'node:vm';
import { Template } from '@huggingface/jinja';
import { CriaError, messageOf } from '../base/index.ts';
import type { ChatMessage } from './types.ts';

const longestTemplate = 1_000_000;
/** A template comes with the model and may loop for ever; an honest one takes milliseconds. */
const longestRenderMs = 1_000;

/** Only a script can be stopped after a time. */
const timed = new Script('render()');

/** Writes a conversation the way a model was trained to read it. */
export type ChatTemplate = (messages: readonly ChatMessage[], addGenerationPrompt: boolean) => string;

/**
 * Compiles a chat template in the environment that transformers gives it: trimmed blocks, raise_exception,
 * strftime_now, tojson, and the special tokens by name; tools and documents are undefined.
 * @throws CriaError when the template is not valid Jinja, or refuses a conversation.
 */
export function chatTemplate(source: string, tokens: Readonly<Record<string, string>>, where: string): ChatTemplate {
  const template = attempt('is not valid', where, () => {
    if (source.length > longestTemplate) throw new Error(`it has ${source.length} characters`);
    return new Template(source);
  });
  const place: { render?: () => string } = {};
  const context = createContext(place);
  return (messages, addGenerationPrompt) =>
    attempt('refuses the conversation', where, () => {
      place.render = () => template.render({ ...tokens, messages, add_generation_prompt: addGenerationPrompt });
      return timed.runInContext(context, { timeout: longestRenderMs }) as string;
    });
}

function attempt<T>(what: string, where: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw new CriaError(`the chat template ${what}: ${messageOf(cause)}`, { where, cause });
  }
}
