import { CriaError, figure } from '../base/index.ts';
import { adapterOption, bosOption, defineVerb, integer, modelArgument, text, weightsOption } from '../options/index.ts';
import { withModel } from './shared/with-model.ts';

export const verb = defineVerb({
  arguments: { model: modelArgument },
  options: {
    text: text('the text file', { placeholder: 'file' }),
    context: integer('tokens in a window (default: 512, or the context of the model)', { min: 2 }),
    tokens: integer('use only this many tokens from the start (default: all)', { min: 2 }),
    stride: integer('tokens between window starts (default: the context)', { min: 1 }),
    bos: bosOption,
    weights: weightsOption,
    adapter: adapterOption,
  },
  examples: [
    'perplexity model.gguf --text book.txt',
    'perplexity org/name --text valid.txt --context 1024 --stride 512',
  ],
  async run({ args, options, progress, signal, print }) {
    const { text: file } = options;
    if (file === undefined) throw new CriaError('--text is required', { remedy: 'for example --text book.txt' });
    const { evaluationText, perplexity } = await import('../evaluate/index.ts');
    const { openForward } = await import('../model/index.ts');

    return withModel({ ...options, model: args.model, progress }, async ({ model }) => {
      const { ids, context, bos } = evaluationText(model, { ...options, text: file });
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
    });
  },
});
