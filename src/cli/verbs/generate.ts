import { CriaError } from '../../base/index.ts';
import { readJson } from '../../data/index.ts';
import type { Generated } from '../../generate/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import { generateOptions, generationOptions } from '../generation-options.ts';
import { modelPath } from '../model-path.ts';
import { flag, optionalArgument, text } from '../options.ts';
import { modelArgument, weightsOption } from '../shared-options.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  arguments: {
    model: modelArgument,
    prompt: optionalArgument('the text to continue; with --chat, what the user says'),
  },
  options: {
    ...generationOptions,
    chat: flag("put the prompt into the model's chat template"),
    system: text('the system message of the chat; implies --chat'),
    ids: text('a JSON file with the prompt as a list of token ids', { placeholder: 'file' }),
    weights: weightsOption,
  },
  examples: [
    "generate cria-tiny 'the llama eats' --max-tokens 20",
    "generate model.gguf 'What is the capital of Peru?' --chat --temperature 0.8 --seed 3",
  ],
  async run({ args, options, progress, signal, print }) {
    const { open } = await import('../../index.ts');
    const { weights: precision, threads } = options;
    const model = await open(modelPath(args.model), { precision, threads, progress });
    try {
      const prompt = promptIds(model.tokenizer, args.prompt, options);
      const pieces = model.generate(prompt, generateOptions(options, signal));
      let next = await pieces.next();
      while (!next.done) {
        print(next.value);
        next = await pieces.next();
      }
      print('\n');
      progress.note(speeds(next.value));
      return next.value;
    } finally {
      await model.close();
    }
  },
});

interface PromptOptions {
  readonly chat: boolean;
  readonly system: string | undefined;
  readonly ids: string | undefined;
}

function promptIds(tokenizer: Tokenizer, prompt: string | undefined, { chat, system, ids }: PromptOptions): number[] {
  if (ids !== undefined) return idsIn(ids);
  if (prompt === undefined) throw new CriaError('there is no prompt', { remedy: 'give PROMPT or --ids FILE' });
  if (!chat && system === undefined) return tokenizer.encode(prompt);
  const messages = [
    ...(system === undefined ? [] : [{ role: 'system', content: system }]),
    { role: 'user', content: prompt },
  ];
  return tokenizer.encode(tokenizer.applyChatTemplate(messages, { addGenerationPrompt: true }), { special: false });
}

function idsIn(path: string): number[] {
  const value = readJson(path);
  const ids = Array.isArray(value) ? value : (value as { ids?: unknown } | null)?.ids;
  if (Array.isArray(ids) && ids.every((id) => Number.isInteger(id))) return ids;
  throw new CriaError('is not a list of token ids', { where: path, remedy: 'write it as [1, 2, 3]' });
}

/** How fast a text was read and written. */
export function speeds(result: Generated): string {
  const { promptTokens, cachedTokens, prefillSeconds, tokens, decodeSeconds } = result;
  const rate = (count: number, seconds: number) => `${(count / Math.max(seconds, 1e-9)).toFixed(1)} tokens/s`;
  const read = promptTokens - cachedTokens;
  return `read ${read} tokens (${rate(read, prefillSeconds)}), wrote ${tokens} (${rate(tokens, decodeSeconds)})`;
}
