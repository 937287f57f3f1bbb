import { basename } from 'node:path';
import { CriaError } from '../base/index.ts';
import type { Prompting, TrainingRun } from '../methods/cultural-expressiveness/index.ts';
import {
  argument,
  defineVerb,
  flag,
  forceOption,
  integer,
  modelArgument,
  modelPath,
  number,
  resumeOption,
  text,
} from '../options/index.ts';
import { encoderOptions, vectorFile, withEncoder } from './shared/culture-encoder.ts';
import { refuseOutput } from './shared/output.ts';
import { provenanceFor, withModel } from './shared/with-model.ts';

const file = { placeholder: 'file' };

export const verb = defineVerb({
  arguments: { model: modelArgument, out: argument('the folder to write') },
  options: {
    data: text('questions and answers of people: a table, or with --questions rows {qid, text}', file),
    questions: text('the questions, where the data does not hold them: rows {id, question} or a table', file),
    folds: integer('parts of the questions: each is answered by an adapter that has not seen it', { default: 6 }),
    epochs: integer('rounds through the answers', { default: 3, min: 1 }),
    rank: integer('rank of LoRA', { default: 16, min: 1 }),
    alpha: number('LoRA scales by alpha / rank', { default: 32, min: 0 }),
    lr: number('learning rate', { default: 2e-4, min: 0 }),
    batch: integer('answers in an update', { default: 4, min: 1 }),
    sequence: integer('the most tokens of a question with its answer', { default: 512, min: 2 }),
    maxTokens: integer('the most tokens of an answer', { default: 400, min: 1 }),
    prompting: text('prompts that are compared with training: plain, few-shot, retrieval', {
      default: '',
      placeholder: 'a,b',
    }),
    ...encoderOptions,
    lexicon: text('a folder with lexicon.jsonl and sentiment.jsonl, in place of the built-in lists', {
      placeholder: 'folder',
    }),
    resamples: integer('resamples of each interval', { default: 10_000, min: 100, max: 1_000_000 }),
    dryRun: flag('print the folds and what would be done, and do nothing'),
    resume: resumeOption,
    force: forceOption,
  },
  examples: [
    'culture train org/name tuned --data consolidated_responses.csv',
    'culture train model.gguf tuned --data answers.jsonl --questions questions.jsonl --prompting few-shot,retrieval',
  ],
  async run({ args, options, progress, signal, print }) {
    const { json: _, quiet: __, threads, force, resume, dryRun, ...said } = options;
    const { data: path, questions, lexicon, seed, resamples, lr } = said;
    if (path === undefined) throw new CriaError('there is nothing to learn', { remedy: 'pass --data answers.csv' });
    const method = await import('../methods/cultural-expressiveness/index.ts');
    const prompting = promptingsFrom(said.prompting, method.promptings);
    const source = modelPath(args.model);
    const files = [path, questions, lexicon, vectorFile(said.embeddings)];
    refuseOutput(args.out, force, [source, ...files]);
    const data = await method.readDataset({ references: path, questions });
    const lists = await method.readWordLists(lexicon);
    const folds = method.topicFolds(data, lists, said.folds);
    if (dryRun) {
      const answers = data.questions.length * (3 + prompting.length);
      print(
        `${folds.map((fold, i) => `fold ${i + 1}: ${fold.join(' ')}`).join('\n')}\n${answers} answers would be written\n`,
      );
      return { path: args.out, folds, answers };
    }
    const read = { files: files.filter((each) => each !== lexicon), named: lists.files, seed, progress, signal };
    const provenance = await provenanceFor('culture train', args.model, said, read);
    return withModel({ model: args.model }, async ({ tokenizer }) => {
      const begun = performance.now();
      const plan = {
        ...said,
        ...{ rate: lr, prompting, lists, drawing: { seed, resamples }, name: basename(args.model) },
        withEncoder: <T>(work: Parameters<typeof withEncoder<T>>[2]) => withEncoder(said, { threads, progress }, work),
      };
      const run = await method.trainCulture({ path: source, threads, progress }, tokenizer, data, args.out, plan, {
        ...{ resume, force, signal, settings: { ...said, model: args.model, inputs: provenance.inputs } },
        provenance,
      });
      const seconds = (performance.now() - begun) / 1000;
      print(summary(run, args.out, method.gainText));
      return { path: args.out, ...figures(run), seconds };
    });
  },
});

function promptingsFrom(given: string, known: readonly Prompting[]): Prompting[] {
  return given
    .split(',')
    .filter(Boolean)
    .map((name) => {
      const found = known.find((each) => each === name.trim());
      if (found) return found;
      const remedy = `use some of ${known.join(', ')}`;
      throw new CriaError(`'${name}' is not a way to prompt`, { where: '--prompting', remedy });
    });
}

/** What --json prints. */
function figures({ result, folds, steps }: TrainingRun): object {
  const { means, gains, lengthMatched, quality, usability, encoder } = result;
  const { before, heldout, insample, ...prompting } = means;
  return {
    ...{ before, heldOut: heldout, inSample: insample, prompting, gains, lengthMatched, quality },
    ...{ semSimUsable: usability.usable, semSim: { encoder, ...usability }, folds, steps },
  };
}

function summary(
  { result }: TrainingRun,
  out: string,
  gainText: typeof import('../methods/cultural-expressiveness/index.ts')['gainText'],
): string {
  const lines = Object.entries(result.means).map(([split, { ce, low, high, kf, ds, ss, n }]) => {
    const cells = [ce, low, high, kf, ds, ss].map((value) => (value === null ? '–' : value.toFixed(3)));
    return `${split.padEnd(10)} CE ${cells[0]} (${cells[1]} to ${cells[2]})  KF ${cells[3]}  dS ${cells[4]}  SemSim ${cells[5]}  n ${n}  ${result.quality[split]?.flags.join(', ')}`;
  });
  const changes = Object.entries(result.gains).map(([split, { ce, ceWithoutSs }]) => {
    return `${split.padEnd(10)} CE ${gainText(ce)}\n${''.padEnd(10)} without SemSim ${gainText(ceWithoutSs)}`;
  });
  const { usable, p } = result.usability;
  const told = usable
    ? ''
    : `SemSim is withheld: ${result.encoder} does not tell references apart (p = ${p.toPrecision(2)}).\n`;
  return `${lines.join('\n')}\nchange from before\n${changes.join('\n')}\n${told}${out}: report.html, training.svg, scores.jsonl, folds.json, fold-1 …\n`;
}
