import { CriaError, figure } from '../base/index.ts';
import type { CultureResult } from '../methods/cultural-expressiveness/index.ts';
import { argument, defineVerb, flag, forceOption, integer, repeated, text } from '../options/index.ts';
import { encoderOptions, vectorFile, withEncoder } from './shared/culture-encoder.ts';
import { refuseOutput } from './shared/output.ts';
import { provenanceFor } from './shared/with-model.ts';

const file = { placeholder: 'file' };

export const verb = defineVerb({
  arguments: { out: argument('the folder to write') },
  options: {
    responses: text('answers: a table with a column a system, or rows {qid, system, text}', file),
    questions: text('questions, where the responses do not hold them: rows {id, question} or a table', file),
    references: text('answers of people, where the responses do not hold them: rows {qid, text}', file),
    system: repeated(text('a system to score (default: all); may be repeated', { placeholder: 'name' })),
    ...encoderOptions,
    lexicon: text('a folder with lexicon.jsonl and sentiment.jsonl, in place of the built-in lists', {
      placeholder: 'folder',
    }),
    weights: text('weights of keywords, sentiment and similarity', { default: '.3,.3,.4', placeholder: 'a,b,c' }),
    resamples: integer('resamples of each interval', { default: 10_000, min: 100, max: 1_000_000 }),
    dryRun: flag('print what would be scored, and do nothing'),
    force: forceOption,
  },
  examples: [
    'culture score --responses consolidated_responses.csv scores',
    'culture score --questions q.jsonl --references r.jsonl --responses a.jsonl scores --embeddings http://127.0.0.1:8080',
  ],
  async run({ args, options, progress, signal, print }) {
    const { json: _, quiet: __, threads, force, dryRun, seed, ...said } = options;
    const { responses, questions, references, system, lexicon, resamples } = said;
    if (responses === undefined) {
      throw new CriaError('there are no answers', { where: '--responses', remedy: 'use a table or rows of them' });
    }
    const method = await import('../methods/cultural-expressiveness/index.ts');
    const weights = method.weightsFrom(said.weights);
    const files = [responses, questions, references, lexicon, vectorFile(said.embeddings)];
    refuseOutput(args.out, force, files);
    const data = await method.readDataset({ responses, questions, references, systems: system });
    const lists = await method.readWordLists(lexicon);
    const own = files.filter((path) => path !== lexicon);
    const read = { models: [], files: own, named: lists.files, seed, progress, signal };
    const provenance = await provenanceFor('culture score', responses, said, read);
    if (dryRun) {
      const counts = {
        questions: data.questions.length,
        references: data.references.length,
        answers: data.responses.length,
      };
      print(
        `${counts.answers} answers of ${data.systems.join(', ')} to ${counts.questions} questions, against ${counts.references} references\n`,
      );
      return { path: args.out, ...counts, systems: data.systems };
    }
    const result = await withEncoder(said, { threads, progress }, (encoder) =>
      method.scoreCulture(data, { lists, encoder, weights, drawing: { seed, resamples }, progress, signal }),
    );
    await method.writeCultureFolder(args.out, data, result, provenance, force);
    print(summary(result, args.out));
    const gates = Object.fromEntries(Object.entries(result.quality).map(([name, { flags }]) => [name, flags]));
    return {
      path: args.out,
      systems: result.systems,
      gates,
      semSimUsable: result.usability.usable,
      semSim: { encoder: result.encoder, ...result.usability },
      baselines: Object.fromEntries(baselineMeans(result)),
      withoutKeywords: result.withoutKeywords,
      tests: result.tests,
    };
  },
});

/** Means of the baselines. */
function baselineMeans({ baselines }: CultureResult): [string, object][] {
  const meanOf = (values: readonly (number | null)[]) => {
    const known = values.filter((value) => value !== null);
    return known.length === 0 ? null : known.reduce((a, b) => a + b, 0) / known.length;
  };
  return baselines.map(({ name, scores }) => [
    name,
    {
      ce: meanOf(scores.map(({ ce }) => ce)),
      ceWithoutSs: meanOf(scores.map((score) => score.ce_without_ss)),
      kf: meanOf(scores.map(({ kf }) => kf)),
      ds: meanOf(scores.map(({ ds }) => ds)),
      ss: meanOf(scores.map(({ ss }) => ss)),
      n: scores.filter(({ ce }) => ce !== null).length,
    },
  ]);
}

function summary(result: CultureResult, out: string): string {
  const cell = (value: number | null) => (value === null ? '–' : value.toFixed(3)).padStart(9);
  const names = [...Object.keys(result.systems), ...result.baselines.map(({ name }) => name)];
  const widest = Math.max(...names.map(({ length }) => length));
  const lines = [`${''.padEnd(widest)}       CE  95% interval     no SemSim       KF       dS   SemSim    n  gates`];
  for (const [name, { ce, low, high, ceWithoutSs, kf, ds, ss, n }] of Object.entries(result.systems)) {
    const interval = low === null || high === null ? '' : `${low.toFixed(3)} to ${high.toFixed(3)}`;
    const gates = result.quality[name]?.flags.join(', ') ?? '';
    lines.push(
      `${name.padEnd(widest)}${cell(ce)}  ${interval.padEnd(15)}${cell(ceWithoutSs)}${cell(kf)}${cell(ds)}${cell(ss)}${String(n).padStart(5)}  ${gates}`,
    );
  }
  for (const [name, means] of baselineMeans(result)) {
    const { ce, ceWithoutSs, kf, ds, ss, n } = means as Record<string, number | null>;
    lines.push(
      `${name.padEnd(widest)}${cell(ce ?? null)}  ${'(baseline)'.padEnd(15)}${cell(ceWithoutSs ?? null)}${cell(kf ?? null)}${cell(ds ?? null)}${cell(ss ?? null)}${String(n).padStart(5)}`,
    );
  }
  const { usable, p, n, trueMean, shuffledMean } = result.usability;
  const told = `${figure(trueMean)} for true pairs, ${figure(shuffledMean)} for shuffled ones, p = ${figure(p)}, n = ${n}`;
  lines.push(
    usable
      ? `SemSim by ${result.encoder} tells whose answer belongs to a question (${told}).`
      : `SemSim is withheld: ${result.encoder} does not tell whose answer belongs to a question (${told}). Read CE without it.`,
    `${out}: report.html, systems.svg, scores.jsonl, tests.json, quality.json, systems.json, promptfoo.jsonl`,
  );
  return `${lines.join('\n')}\n`;
}
