import { CriaError, withRunState } from '../base/index.ts';
import { lensOptions } from '../methods/vector-arithmetic/options.ts';
import {
  adapterOption,
  argument,
  defineVerb,
  forceOption,
  modelArgument,
  modelPath,
  repeated,
  resumeOption,
  text,
} from '../options/index.ts';
import { refuseOutput } from './shared/output.ts';
import { provenanceFor, withModel } from './shared/with-model.ts';

const file = { placeholder: 'file' };

export const verb = defineVerb({
  arguments: { model: modelArgument, out: argument('the folder to write') },
  options: {
    task: repeated(text('analogies, four words per line, or pairs {input, output}; repeatable', file)),
    entities: text('names of 2 to 5 tokens, one per line (default: the words of the tasks)', file),
    filler: text('filler text of the prompts: .txt or rows {text} (default: words of the vocabulary)', file),
    candidates: text('additional candidate answers, one per line', file),
    heads: text('use earlier head scores: the heads.json of an output', file),
    ...lensOptions,
    adapter: adapterOption,
    resume: resumeOption,
    force: forceOption,
  },
  examples: [
    'lens model.gguf lens --task questions-words.txt --entities names.txt --filler wiki.txt',
    'lens model.gguf lens-64 --task country-capital.json --heads lens/heads.json --rank 64',
  ],
  async run({ args, options, progress, signal, print }) {
    const { json: _, quiet: __, threads, resume, force, ...said } = options;
    const { task: tasks, entities, filler, candidates, heads, prompts, length, seed, adapter, ...lenses } = said;
    if (tasks.length === 0) throw new CriaError('--task is required', { remedy: 'for example --task capitals.json' });
    const files = [...tasks, entities, filler, candidates, heads, ...adapter];
    refuseOutput(args.out, force, [modelPath(args.model), ...files]);
    const { inputHashes } = await import('../artifact/index.ts');
    const { figuresOf, lensPlace, linesIn, readHeads, summaryOf, vectorArithmetic, writeLensFolder } = await import(
      '../methods/vector-arithmetic/index.ts'
    );

    const read = await inputHashes({ files }, { progress, signal });
    const prompted = { model: args.model, tasks, entities, filler, prompts, length, seed };
    const contents = [...tasks, entities, filler].map((path) => path && read[path]);
    const opening = { model: args.model, weights: 'f32', adapter, threads, progress } as const;
    const start = { resume, force, signal };
    return withRunState(lensPlace(args.out), { ...prompted, contents }, start, (state) =>
      withModel(opening, async ({ model, tokenizer }) => {
        const result = await vectorArithmetic(
          model,
          tokenizer,
          {
            ...{ tasks, entities, filler, prompts, length, seed, ...lenses },
            candidates: candidates === undefined ? undefined : await linesIn(candidates),
            scores: heads === undefined ? undefined : readHeads(heads, model.config),
          },
          { progress, signal, state },
        );
        const options = { ...prompted, candidates, heads, ...lenses };
        const provenance = await provenanceFor('lens', args.model, options, { files, seed, progress, signal });
        await writeLensFolder(args.out, model, result, provenance, force);
        print(
          `${summaryOf(result)}${args.out}: report.html, heads.svg, heads.json, results.json, concept.safetensors, token.safetensors\n`,
        );
        return { path: args.out, ...figuresOf(result) };
      }),
    );
  },
});
