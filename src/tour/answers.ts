import type { GenerateOptions, Model } from '../index.ts';

/** What a model writes after a prompt, without the spaces around it. */
export async function written(model: Model, prompt: string, options: GenerateOptions): Promise<string> {
  let text = '';
  for await (const piece of model.generate(prompt, options)) text += piece;
  return text.trim();
}

/** What a model answers in a conversation of one question. */
export async function answered(model: Model, question: string, options: GenerateOptions): Promise<string> {
  let text = '';
  for await (const piece of model.chat().say(question, options)) text += piece;
  return text.trim();
}
