import { argument, defineVerb, forceOption, integer, text } from '../options/index.ts';
import { refuseOutput } from './shared/output.ts';
import { provenanceFor } from './shared/with-model.ts';

export const verb = defineVerb({
  arguments: {
    scores: argument('a scores.jsonl, or a folder that holds one'),
    out: argument('the folder to write'),
  },
  options: {
    weights: text('weights of keywords, sentiment and similarity, for the ranks under other readings', {
      default: '.3,.3,.4',
      placeholder: 'a,b,c',
    }),
    resamples: integer('resamples of each interval', { default: 10_000, min: 100, max: 1_000_000 }),
    force: forceOption,
  },
  examples: ['culture report scores/scores.jsonl report'],
  async run({ args, options, progress, signal, print }) {
    const { json: _, quiet: __, threads: ___, force, seed, ...said } = options;
    const { existsSync } = await import('node:fs');
    const { join } = await import('node:path');
    const inside = join(args.scores, 'scores.jsonl');
    const path = existsSync(inside) ? inside : args.scores;
    refuseOutput(args.out, force, [path]);
    const { findings, readScores, weightsFrom, writeReportFolder } = await import(
      '../methods/cultural-expressiveness/index.ts'
    );
    const weights = weightsFrom(said.weights);
    const scores = await readScores(path);
    const found = findings(scores, weights, { seed, resamples: said.resamples });
    const read = { models: [], files: [path], seed, progress, signal };
    const provenance = await provenanceFor('culture report', path, said, read);
    await writeReportFolder(args.out, scores, found, provenance, force);
    const lines = Object.entries(found.systems).map(([name, { ce, low, high, n }]) =>
      ce === null || low === null || high === null
        ? `${name}: no CE`
        : `${name}: ${ce.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)}), n = ${n}`,
    );
    print(`${lines.join('\n')}\n${args.out}: report.html, systems.svg, tests.json, systems.json\n`);
    return { path: args.out, systems: found.systems, tests: found.tests };
  },
});
