import { CriaError, figure } from '../base/index.ts';
import { adapterOption, argument, choice, defineVerb, integer, modelArgument, text } from '../options/index.ts';
import { withModel } from './shared/with-model.ts';

export const verb = defineVerb({
  arguments: { model: modelArgument, words: argument('words with + and -, as in "Athens - Greece + China"') },
  options: {
    heads: text('head scores: a heads.json of cria lens', { placeholder: 'file' }),
    lens: choice(['concept', 'token', 'all', 'raw'], 'the lens to use', 'concept'),
    candidates: text('candidate answers, one per line (default: those of the task that contains the words)', {
      placeholder: 'file',
    }),
    prefix: text('text before each word (default: that of the task)'),
    layer: integer('compare words after this layer (default: that of the task)', { min: 0 }),
    top: integer('number of heads in the lens (default: as in the measurement)', { min: 1 }),
    nearest: integer('how many words to print', { default: 5, min: 1 }),
    adapter: adapterOption,
  },
  examples: ['lens apply model.gguf --heads lens/heads.json "Athens - Greece + China"'],
  async run({ args, options, progress, signal, print }) {
    const { heads, lens, candidates, prefix, layer, top, nearest } = options;
    if (heads === undefined) throw new CriaError('--heads is required', { remedy: 'pass --heads OUT/heads.json' });
    const { applyLens } = await import('../methods/vector-arithmetic/index.ts');

    return withModel({ ...options, model: args.model, weights: 'f32', progress }, async ({ model, tokenizer }) => {
      const asked = { expression: args.words, heads, lens, candidates, prefix, layer, top, nearest };
      const result = await applyLens(model, tokenizer, asked, { progress, signal });
      const told = result.nearest.map(({ word, cosine }) => `${word} ${figure(cosine)}`).join(', ');
      const read = result.reads.map((token) => JSON.stringify(token)).join(', ');
      print(`${told}\nreads as ${read} (${lens}, layer ${result.layer}, ${result.candidates} words)\n`);
      return result;
    });
  },
});
