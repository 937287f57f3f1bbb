import { join, resolve } from 'node:path';
import { CriaError, figure } from '../base/index.ts';
import {
  argument,
  choice,
  defineVerb,
  flag,
  forceOption,
  integer,
  modelArgument,
  modelPath,
  number,
  several,
  text,
} from '../options/index.ts';
import { refuseGgufName, refuseOutput } from './shared/output.ts';
import { estimated, pruningOptions, sequenceOf, sparsitiesOf } from './shared/pruning-options.ts';
import { provenanceFor, withModel } from './shared/with-model.ts';

const named = { placeholder: 'name=file' };

export const verb = defineVerb({
  arguments: { model: modelArgument, out: argument('the folder to write') },
  options: {
    objective: several(text('an objective and its calibration data', named)),
    test: several(text('an objective and its test text', named)),
    ...pruningOptions,
    alpha: number('share of the support common to all objectives', { default: 0.5, min: 0, max: 1 }),
    points: integer('points of the front (default: 11 for two objectives, a grid for more)', { min: 1, max: 10_000 }),
    power: number('how strongly mixtures are pulled towards the shared weights', { default: 0.5, min: 0, max: 10 }),
    propagate: choice(['primary', 'task', 'dense'], 'weights that produce the inputs of the next block', 'primary'),
    guard: flag("keep the shared support where an objective's own would be worse on it"),
    polish: flag('refine mixtures on their own support'),
    baselines: text('other methods to compare: magnitude, wanda, sparsegpt, alps, alps-per-task', {
      placeholder: 'a,b',
    }),
    write: text('points and baselines to write as models: all, none, or ids (default: uniform and one objective)', {
      placeholder: 'id,id',
    }),
    force: forceOption,
  },
  examples: [
    'mosp org/name front --objective text=book.txt --objective maths=gsm8k.jsonl --sparsity 0.6',
    'mosp model.gguf front --objective a=a.txt --objective b=b.txt --test a=a2.txt --test b=b2.txt --sparsity 2:4 --baselines sparsegpt,alps',
  ],
  async run({ args, options, progress, signal, print }) {
    const { seed, threads, dryRun } = options;
    const { baselineNames, estimateRun, mosp, objectiveFrom, planFront, sparsityFrom } = await import(
      '../methods/mosp/index.ts'
    );
    const { columnsFrom } = await import('../data/index.ts');

    const sparsities = sparsitiesOf(options, sparsityFrom);
    const objectives = options.objective.map((each) => objectiveFrom(each, '--objective'));
    const tests = options.test.map((each) => objectiveFrom(each, '--test'));
    const baselines = (options.baselines ?? '')
      .split(',')
      .filter(Boolean)
      .map((name) => {
        const known = baselineNames.find((each) => each === name);
        if (known) return known;
        throw new CriaError(`'${name}' is not a baseline`, {
          where: '--baselines',
          remedy: `use some of ${baselineNames.join(', ')}`,
        });
      });
    const files = [...objectives, ...tests].map(({ data }) => data);
    refuseGgufName(args.out, 'a folder name, and convert models afterwards');
    refuseOutput(args.out, options.force, [modelPath(args.model), ...files]);
    const opening = { model: args.model, weights: 'f32', threads, progress } as const;
    return withModel(opening, async ({ model, tokenizer }) => {
      const { json: _, quiet: __, resume: ___, force: ____, dryRun: _____, threads: ______, ...said } = options;
      const asked = {
        ...options,
        ...sparsities,
        objectives,
        tests,
        baselines,
        columns: columnsFrom(options.columns),
        sequence: sequenceOf(options.sequence, model.config.context),
      };
      if (dryRun) {
        const plan = await planFront(model, tokenizer, asked, { signal });
        const estimate = await estimateRun(plan, model, ['mosp', ...baselines.filter((name) => name !== 'alps')]);
        print(`${estimated(estimate)}\n`);
        return { ...estimate, points: plan.preferences.length, skipped: plan.targets.skipped, path: args.out };
      }
      const provenance = await provenanceFor('mosp', args.model, said, { files, seed, progress, signal });
      const { pareto: front, seconds } = await mosp(model, tokenizer, args.out, asked, provenance, {
        progress,
        signal,
      });
      const { points, hypervolume, hypervolumeLog, gapClosed, skipped } = front;
      print(`${resolve(args.out)}: ${points.length} points at ${front.sparsity.target}\n`);
      for (const { id, metrics, dominated, path: written } of points) {
        const measured = Object.entries(metrics).map(([name, perplexity]) => `${name} ${figure(perplexity)}`);
        print(`  ${id}: ${[...measured, dominated ? 'dominated' : '', written ?? ''].filter(Boolean).join(', ')}\n`);
      }
      print(
        'These are dense files with zeros: neither smaller nor faster by themselves (report.html says which runtime uses them).\n',
      );
      return {
        points: points.map(({ id, weights, metrics, sparsity, dominated, layerObjective, path: written }) => {
          return {
            id,
            weights,
            perplexity: metrics,
            sparsity,
            dominated,
            layerObjective,
            ...(written !== null && { path: join(args.out, written) }),
          };
        }),
        hypervolume: hypervolume?.value ?? null,
        hypervolumeLog: hypervolumeLog?.value ?? null,
        hypervolumeInterval: hypervolume && {
          low: hypervolume.low,
          high: hypervolume.high,
          referenceModel: hypervolume.referenceModel,
        },
        hypervolumeLogInterval: hypervolumeLog && { low: hypervolumeLog.low, high: hypervolumeLog.high },
        gapClosed,
        baselines: Object.fromEntries(
          Object.entries(front.baselines).map(([name, { perplexity, path: written }]) => [
            name,
            { perplexity, ...(written !== undefined && { path: join(args.out, written) }) },
          ]),
        ),
        base: { perplexity: front.basePerplexity },
        skipped,
        seconds,
        path: args.out,
      };
    });
  },
});
