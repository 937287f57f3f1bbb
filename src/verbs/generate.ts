import { CriaError, type Progress } from '../base/index.ts';
import type { Generated } from '../generate/index.ts';
import {
  adapterOption,
  defineVerb,
  flag,
  modelArgument,
  optionalArgument,
  templateOption,
  text,
  weightsOption,
} from '../options/index.ts';
import { generateOptions, generationOptions } from './shared/generation-options.ts';
import { givenBy, templated } from './shared/prompts.ts';
import { withGenerator } from './shared/with-model.ts';

export const verb = defineVerb({
  arguments: {
    model: modelArgument,
    prompt: optionalArgument('the text to continue, or - for standard input; with --chat, the user message'),
  },
  options: {
    ...generationOptions,
    chat: flag('apply the chat template to the prompt'),
    system: text('the system message of the chat; implies --chat'),
    template: templateOption,
    file: text('a text file with the prompt', { placeholder: 'file' }),
    ids: text('a JSON file with the prompt as a list of token ids', { placeholder: 'file' }),
    batch: text('a file of prompts: a .json list, .jsonl rows {"prompt"}, or one per line', {
      placeholder: 'file',
    }),
    weights: weightsOption,
    adapter: adapterOption,
  },
  examples: [
    "generate model.gguf 'the llama eats' --max-tokens 20",
    'generate model.gguf - < letter.txt',
    'generate model.gguf --batch prompts.jsonl --max-tokens 20 --json',
    "generate model.gguf 'What is the capital of Peru?' --chat --temperature 0.8 --seed 3",
  ],
  async run({ args, options, progress, signal, print }) {
    const given = await givenBy(args.prompt, options);
    const inTemplate = options.chat || options.system !== undefined;
    if (options.template !== undefined && !inTemplate) {
      throw new CriaError('requires --chat', { where: '--template', remedy: 'leave it out, or pass --chat' });
    }
    if ('ids' in given && inTemplate) {
      const where = options.chat ? '--chat' : '--system';
      throw new CriaError('cannot be combined with --ids', {
        where,
        remedy: 'leave it out, or pass PROMPT instead of --ids',
      });
    }
    return withGenerator({ ...options, model: args.model, progress }, async (model) => {
      const idsOf = (prompt: string) =>
        inTemplate
          ? templated(model.tokenizer, prompt, options.system)
          : model.tokenizer.encode(prompt, { continued: true });
      if ('batch' in given) {
        const results = await model.generateBatch(given.batch.map(idsOf), generateOptions(options, signal));
        for (const result of results) print(`${JSON.stringify(result.text)}\n`);
        return { results };
      }
      const ids = 'ids' in given ? given.ids : idsOf(given.text);
      return await printed(model.generate(ids, generateOptions(options, signal)), print, progress);
    });
  },
});

/** Prints a text as it comes, then notes how fast it was read and written; returns what the generation returns. */
export async function printed(
  pieces: AsyncGenerator<string, Generated>,
  print: (text: string) => void,
  progress: Progress,
): Promise<Generated> {
  let next: IteratorResult<string, Generated>;
  let begun = false;
  try {
    next = await pieces.next();
    while (!next.done) {
      begun = true;
      print(next.value);
      next = await pieces.next();
    }
    begun = true;
  } finally {
    if (begun) print('\n'); // before what else goes to the same terminal: figures, or what went wrong
  }
  const { promptTokens, cachedTokens, prefillSeconds, tokens, decodeSeconds } = next.value;
  const rate = (count: number, seconds: number) => `${(count / Math.max(seconds, 1e-9)).toFixed(1)} tokens/s`;
  const read = promptTokens - cachedTokens;
  progress.note(
    `read ${read} tokens (${rate(read, prefillSeconds)}), wrote ${tokens} (${rate(tokens, decodeSeconds)})`,
  );
  return next.value;
}
