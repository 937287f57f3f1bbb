import { CriaError, figure } from '../base/index.ts';
import {
  adapterOption,
  choice,
  defineVerb,
  integer,
  modelArgument,
  modelPath,
  text,
  weightsOption,
} from '../options/index.ts';

const usualContext = 512; // llama.cpp's, and that of most tables of quantized models

export const verb = defineVerb({
  arguments: { model: modelArgument },
  options: {
    text: text('the text file', { placeholder: 'file' }),
    context: integer(`tokens in a window (default: ${usualContext}, or what the model takes)`, { min: 2 }),
    tokens: integer('how many of the first tokens of the file (default: all)', { min: 2 }),
    stride: integer('tokens from one window to the next (default: the context)', { min: 1 }),
    bos: choice(
      ['auto', 'always', 'never'],
      'begin every window with the beginning-of-text token (auto: as the tokenizer asks)',
      'auto',
    ),
    weights: weightsOption,
    adapter: adapterOption,
  },
  examples: [
    'perplexity model.gguf --text book.txt',
    'perplexity org/name --text valid.txt --context 1024 --stride 512',
  ],
  async run({ args, options, progress, signal, print }) {
    const { threads, weights: precision, adapter: adapters } = options;
    if (options.text === undefined) throw new CriaError('there is no text', { remedy: 'give --text book.txt' });
    const { readText } = await import('../data/index.ts');
    const { bosOf, perplexity } = await import('../evaluate/index.ts');
    const { loadModel, openForward } = await import('../model/index.ts');
    const { openTokenizer } = await import('../tokenizer/index.ts');

    const model = loadModel(modelPath(args.model), { threads, precision, adapters, progress });
    try {
      const { context: most } = model.config;
      const context = options.context ?? Math.min(usualContext, most);
      if (context > most) {
        throw new CriaError(`${context} tokens do not fit into the model's ${most} positions`, {
          where: '--context',
          remedy: `give at most ${most}`,
        });
      }
      const tokenizer = openTokenizer(model.checkpoint.tokenizer, model.checkpoint.generation);
      const ids = tokenizer.encode(readText(options.text), { special: false }).slice(0, options.tokens);
      if (ids.length < 2) throw new CriaError('has fewer than two tokens', { where: options.text });
      const bos = bosOf(tokenizer, options.bos, '--bos');
      const forward = await openForward(model);
      try {
        const result = await perplexity(forward, ids, {
          context,
          stride: options.stride,
          bos,
          progress,
          signal,
        });
        const { low, high, predicted, tokensPerSecond } = result;
        const interval = low && high ? ` (95% ${figure(low)} to ${figure(high)})` : '';
        const measured = `${predicted} tokens predicted${bos === undefined ? '' : ' in windows that begin with BOS'}, ${figure(tokensPerSecond)} tokens/s`;
        print(`perplexity ${figure(result.perplexity)}${interval}, nll ${figure(result.nll)}; ${measured}\n`);
        return { ...result, context, tokens: ids.length, bos: bos !== undefined };
      } finally {
        await forward.dispose();
      }
    } finally {
      model.close();
    }
  },
});
