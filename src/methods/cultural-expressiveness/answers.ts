import { CriaError, throwIfAborted } from '../../base/index.ts';
import { generateBatch, openSlots } from '../../generate/index.ts';
import { type LoadedModel, openIncrementalDecoder } from '../../model/index.ts';
import type { ChatMessage, Tokenizer } from '../../tokenizer/index.ts';
import { type Example, exampleIn } from '../../train/index.ts';

/** A question put to a model, with the turns before it. */
export interface Prompt {
  readonly qid: string;
  readonly messages: readonly ChatMessage[];
}

/** What a model wrote. */
export interface Answer {
  readonly qid: string;
  readonly text: string;
  /** Whether it ended at the token limit. */
  readonly truncated: boolean;
}

/** One line that sets the scene, in the language of the question. */
const systemLines: Readonly<Record<string, string>> = {
  es: 'Responde de forma breve y precisa, con conocimiento de la cultura de América Latina.',
  pt: 'Responda de forma breve e precisa, com conhecimento da cultura da América Latina.',
  en: 'Answer briefly and accurately, with knowledge of the culture of Latin America.',
};

/** The turns that ask a question: a system line unless `plain`, shots as earlier turns, the question. */
export function messagesFor(
  question: string,
  lang: string | undefined,
  {
    plain = false,
    shots = [],
  }: { plain?: boolean; shots?: readonly (readonly [question: string, answer: string])[] } = {},
): ChatMessage[] {
  const system = plain ? [] : [{ role: 'system', content: systemLines[lang ?? 'es'] ?? (systemLines.es as string) }];
  const turns = shots.flatMap(([asked, answer]) => [
    { role: 'user', content: asked },
    { role: 'assistant', content: answer },
  ]);
  return [...system, ...turns, { role: 'user', content: question }];
}

/** Examples that train the answer alone, one or none; without a chat template the turns are lines. */
export function trainingExamples(tokenizer: Tokenizer, messages: readonly ChatMessage[], answer: string): Example[] {
  const values =
    tokenizer.chatTemplate === undefined
      ? { prompt: asLines(messages), completion: answer }
      : { messages: [...messages, { role: 'assistant', content: answer }] };
  const example = exampleIn({ values, where: 'references' }, { tokenizer });
  return example ? [example] : [];
}

const asLines = (messages: readonly ChatMessage[]): string => messages.map(({ content }) => `${content}\n`).join('');

const atOnce = 18; // prompts whose keys and values are held together

/**
 * The likeliest answers to questions, `maxTokens` at most.
 * @throws CriaError when a prompt leaves no room in the model's context.
 */
export async function answersOf(
  model: LoadedModel,
  tokenizer: Tokenizer,
  prompts: readonly Prompt[],
  { maxTokens, signal, what }: { maxTokens: number; signal?: AbortSignal | undefined; what: string },
): Promise<Answer[]> {
  const answers: Answer[] = [];
  const ids = prompts.map(({ messages }) =>
    tokenizer.chatTemplate === undefined
      ? tokenizer.encode(asLines(messages), { continued: true })
      : tokenizer.encodeChat(messages, { addGenerationPrompt: true }),
  );
  const long = ids.findIndex(({ length }) => length >= model.config.context);
  if (long !== -1) {
    const { qid } = prompts[long] as Prompt;
    throw new CriaError(`the prompt of ${qid} does not fit into the context of ${model.config.context}`);
  }
  const decoder = await openIncrementalDecoder(model, { together: atOnce });
  try {
    const slots = openSlots(model, tokenizer, decoder, { count: atOnce });
    for (let from = 0; from < prompts.length; from += atOnce) {
      throwIfAborted(signal);
      model.progress.step(what, from, prompts.length, 'answers');
      const some = ids.slice(from, from + atOnce);
      const written = await generateBatch(slots, some, { maxTokens, temperature: 0, signal });
      throwIfAborted(signal);
      written.forEach(({ text, finishReason }, i) => {
        const { qid } = prompts[from + i] as Prompt;
        answers.push({ qid, text: text.trim(), truncated: finishReason === 'length' });
      });
    }
  } finally {
    await decoder.dispose();
  }
  model.progress.step(what, prompts.length, prompts.length, 'answers');
  return answers;
}

/** The beginning of a text, of at most so many words: what the likeliest answer would be under a shorter limit. */
export function cutTo(text: string, words: number): string {
  const parts = text.split(/(\s+)/);
  return parts
    .slice(0, Math.max(1, words) * 2 - 1)
    .join('')
    .trim();
}
