import { byteSize, CriaError, figure } from '../base/index.ts';
import {
  argument,
  bosOption,
  choice,
  defineVerb,
  forceOption,
  integer,
  manyArguments,
  modelPath,
  text,
  weightsOption,
} from '../options/index.ts';
import { refuseOutput } from './shared/output.ts';
import { provenanceFor } from './shared/with-model.ts';

export const verb = defineVerb({
  arguments: {
    reference: argument('the reference model'),
    models: manyArguments('models with the same tokenizer'),
  },
  options: {
    text: text('the text file', { placeholder: 'file' }),
    context: integer('tokens in a window (default: 512, or the smallest context)', { min: 2 }),
    tokens: integer('use only this many tokens from the start (default: all)', { min: 2 }),
    bos: bosOption,
    kl: choice(
      ['exact', 'bound'],
      'exact: keep the hidden states of the reference; bound: keep its 10 most likely tokens, for a lower bound',
      'exact',
    ),
    speed: integer('tokens to decode when measuring speed; 0 to skip', { default: 32, min: 0 }),
    weights: weightsOption,
    out: text('a folder for the page and the rows', { placeholder: 'folder' }),
    force: forceOption,
  },
  examples: ['compare model.f16.gguf model.q4_k.gguf model.q8_0.gguf --text valid.txt --tokens 8192 --out comparison'],
  async run({ args, options, progress, signal, print }) {
    const { text: file, kl, seed, threads, weights: precision, out, force } = options;
    if (file === undefined) throw new CriaError('--text is required', { remedy: 'for example --text book.txt' });
    const { compareModels, comparisonFigures, verdict, writeComparison } = await import('../quantize/index.ts');
    const { loadModel } = await import('../model/index.ts');
    if (out !== undefined) refuseOutput(out, force, [...[args.reference, ...args.models].map(modelPath), file]);

    const named = (name: string) => ({
      name,
      open: () => loadModel(modelPath(name), { threads, precision, progress }),
    });
    const comparison = await compareModels(
      named(args.reference),
      args.models.map(named),
      { ...options, text: file },
      { progress, signal },
      (measured) => {
        const { model, bytes, perplexity, decodeTokensPerSecond: speed } = measured;
        print(`${model}: ${byteSize(bytes)}, perplexity ${figure(perplexity)}`);
        if ('kl' in measured) {
          print(
            `, ${verdict(measured.deltaNll, measured.low, measured.high)}, KL ${kl === 'bound' ? 'at least ' : ''}` +
              `${figure(measured.kl)}, same likeliest token ${(100 * measured.sameTop).toFixed(1)}%`,
          );
        }
        print(`${speed === undefined ? '' : `, ${figure(speed)} tokens/s`}\n`);
      },
    );
    const figures = comparisonFigures(comparison);
    if (out === undefined) return figures;
    const { json: _, quiet: __, force: ___, ...said } = options;
    const read = { files: [file], models: [args.reference, ...args.models], seed, progress, signal };
    const provenance = await provenanceFor('compare', args.reference, { models: args.models, ...said }, read);
    await writeComparison(out, comparison, provenance, force);
    print(`${out}: report.html, rows.jsonl\n`);
    return { ...figures, path: out };
  },
});
