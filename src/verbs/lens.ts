import { CriaError, figure, withRunState } from '../base/index.ts';
import type { LensResult } from '../methods/vector-arithmetic/index.ts';
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
    const { lensPlace, linesIn, readHeads, vectorArithmetic, writeLensFolder } = await import(
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
        print(summary(result, args.out));
        return { path: args.out, ...report(result) };
      }),
    );
  },
});

/** What --json prints: of the candidates their number, of the lenses their heads. */
function report({ scores, beyondChance, lenses, tasks, accuracy, ablation }: LensResult): object {
  const token = new Map(scores.token.heads.map((each) => [`${each.layer}.${each.head}`, each]));
  const ofKind = (kind: 'concept' | 'token') => {
    const { heads: _, ...measured } = scores[kind];
    return {
      ...measured,
      beyondChance: beyondChance[kind],
      top: lenses[kind].heads.map(({ layer, head }) => `${layer}.${head}`),
    };
  };
  return {
    heads: scores.concept.heads.map(({ layer, head, score, standardError }) => {
      const other = token.get(`${layer}.${head}`);
      return {
        layer,
        head_idx: head,
        concept: score,
        conceptError: standardError,
        token: other?.score,
        tokenError: other?.standardError,
      };
    }),
    accuracy,
    concept: ofKind('concept'),
    token: ofKind('token'),
    ablation,
    tasks: tasks.map((task) => ({ ...task, candidates: task.candidates.length })),
  };
}

function summary({ scores, beyondChance, lenses, tasks, accuracy, ablation }: LensResult, out: string): string {
  const lines: string[] = [];
  for (const kind of ['concept', 'token'] as const) {
    const { clean, corrupted } = scores[kind];
    const top = lenses[kind].heads.slice(0, 8).map(({ layer, head, score, standardError: error }) => {
      return `${layer}.${head} ${figure(score)}${error === undefined ? '' : ` ± ${figure(error)}`}`;
    });
    const model = clean === undefined ? '' : ` (whole model: ${figure(corrupted ?? 0)} to ${figure(clean)})`;
    lines.push(`${kind} heads${model}: ${top.join(', ')}${lenses[kind].heads.length > 8 ? ', …' : ''}`);
    const [clear, taken] = [beyondChance[kind], lenses[kind].heads.length];
    if (clear !== undefined && clear < taken)
      lines.push(`  of these ${taken}, ${clear} score clearly beyond chance: more --prompts tell heads apart`);
  }
  const names = ['raw', 'concept', 'token', 'all'] as const;
  const widest = Math.max(4, ...tasks.map(({ name }) => name.length));
  const row = (name: string, cells: readonly string[]) =>
    `${name.padEnd(widest)}  ${cells.map((cell) => cell.padStart(10)).join('')}`;
  lines.push('', row('task', [...names, 'random', '5 shots', 'chance']));
  for (const { name, settings, random, inContext, chance } of tasks) {
    const cells = names.map((setting) => {
      const { judge, layer } = settings[setting].best;
      return `${judge.accuracy.toFixed(3)}@${layer}`;
    });
    lines.push(row(name, [...cells, ...[random.mean, inContext, chance].map((share) => share.toFixed(3))]));
  }
  const means = [...names, 'random', 'inContext'] as const;
  lines.push(
    row(
      'mean',
      means.map((name) => accuracy[name].toFixed(3)),
    ),
    '',
  );
  const left = (name: keyof typeof ablation) =>
    `${name} ${figure(ablation[name].copying)} / ${figure(ablation[name].mapping)}`;
  lines.push(
    `copying / mapping with heads held at their means: ${(['none', 'concept', 'token', 'random'] as const).map(left).join(', ')}`,
  );
  lines.push(`${out}: report.html, heads.svg, heads.json, results.json, concept.safetensors, token.safetensors`);
  return `${lines.join('\n')}\n`;
}
