import { CriaError, messageOf } from '../base/index.ts';
import { compile, type Render } from './jinja/index.ts';
import type { ChatMessage, ChatOptions } from './types.ts';

const longestTemplate = 1_000_000; // characters

/** The templates of a model: some have another one for conversations with tools. */
export interface TemplateSources {
  readonly plain: string;
  readonly withTools: string | undefined;
}

/** Writes a conversation the way a model was trained to read it. */
export type ChatTemplate = (messages: readonly ChatMessage[], options: ChatOptions) => string;

/**
 * Compiles a chat template in the environment that transformers gives it: messages, tools, documents (None where there
 * are none), add_generation_prompt and the special tokens by name.
 * @throws CriaError when a template is not valid Jinja, refuses a conversation, or does something that is not supported.
 */
export function chatTemplate(
  { plain, withTools }: TemplateSources,
  tokens: Readonly<Record<string, string>>,
  where: string,
): ChatTemplate {
  const compiled = (source: string) =>
    attempt('is not valid', where, () => {
      if (source.length > longestTemplate) throw new Error(`it has ${source.length} characters`);
      return compile(source);
    });
  const write = compiled(plain);
  let forTools: Render | undefined;
  return (messages, { addGenerationPrompt = false, tools, documents } = {}) => {
    const source = tools === undefined ? undefined : withTools;
    if (source !== undefined) forTools ??= compiled(source);
    const render = source === undefined ? write : (forTools as Render);
    const rendered = (some: readonly ChatMessage[]) =>
      render({
        ...tokens,
        messages: some.map(asRead),
        tools: tools ?? null,
        documents: documents ?? null,
        add_generation_prompt: addGenerationPrompt,
      });
    return attempt('rejects the conversation', where, () =>
      rendered(messages.some(hasParts) && !readsParts(rendered) ? messages.map(withoutParts) : messages),
    );
  };
}

const hasParts = ({ content }: ChatMessage): boolean => Array.isArray(content);

/** Whether a template writes a list of one text as it writes that text. */
function readsParts(render: (messages: readonly ChatMessage[]) => string): boolean {
  const text = 'a text';
  try {
    const ofParts = render([{ role: 'user', content: [{ type: 'text', text }] }]);
    return ofParts === render([{ role: 'user', content: text }]);
  } catch {
    return false;
  }
}

/** A message whose parts, all of text, stand on lines of their own. */
function withoutParts(message: ChatMessage): ChatMessage {
  if (!Array.isArray(message.content)) return message;
  const texts = message.content.map((part: unknown) => {
    const { type, text } = (part ?? {}) as Readonly<Record<string, unknown>>;
    if (type === 'text' && typeof text === 'string') return text;
    throw new Error(`a part of a message has type '${String(type)}': only text is supported`);
  });
  return { ...message, content: texts.join('\n') };
}

const reasoningNames = ['reasoning_content', 'thinking', 'reasoning'];

/**
 * A message as transformers hands it to a template: without keys that are null, and with what was thought under each
 * name that templates read.
 */
function asRead(message: ChatMessage): Readonly<Record<string, unknown>> {
  const given = Object.entries(message).filter(([, value]) => value !== null && value !== undefined);
  const reasoning = reasoningNames.map((name) => new Map(given).get(name)).find((value) => value !== undefined);
  if (reasoning === undefined) return Object.fromEntries(given);
  return { thinking: reasoning, ...Object.fromEntries(given), reasoning_content: reasoning };
}

function attempt<T>(what: string, where: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    const reason = cause instanceof RangeError ? 'it is nested too deeply' : messageOf(cause);
    throw new CriaError(`the chat template ${what}: ${reason}`, { where, cause });
  }
}
