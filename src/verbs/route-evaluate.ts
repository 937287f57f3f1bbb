import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { figure } from '../base/index.ts';
import { argument, defineVerb, integer, text } from '../options/index.ts';
import { provenanceFor } from './shared/with-model.ts';

export const verb = defineVerb({
  arguments: {
    policy: argument('a folder of cria route train or calibrate, or its policy.json'),
    log: argument('trajectories.jsonl of cria route log, or its folder'),
  },
  options: {
    splits: integer('redraw calibration and test rows so many times', { default: 0, min: 0, max: 100_000 }),
    out: text("the folder to write (default: evaluation in the policy's folder, replaced)", { placeholder: 'folder' }),
  },
  examples: ['route evaluate certified log', 'route evaluate certified log --splits 1000 --json'],
  async run({ args, options, progress, signal, print }) {
    const { splits, seed } = options;
    const { evaluatePolicy, evaluationPage, explainPolicy, readLog, readPolicy, writeEvaluationFolder } = await import(
      '../methods/ccpo/index.ts'
    );
    const policy = readPolicy(args.policy);
    const log = await readLog(args.log, { seed: policy.split_seed ?? seed, ladder: policy.ladder, signal });
    const evaluation = evaluatePolicy(policy, log, { splits, seed }, { progress, signal });
    const { guarantee, cost, coverage } = evaluation;
    if (guarantee === 'void')
      progress.note('The log has other models or prompts than the policy: its guarantee is void.');
    if (guarantee === 'online') progress.note('The policy is not calibrated: coverage is not guaranteed.');
    const folder = existsSync(args.policy) && statSync(args.policy).isDirectory() ? args.policy : dirname(args.policy);
    const out = options.out ?? join(folder, 'evaluation');
    const read = { models: [], files: [args.log], seed, signal };
    const provenance = await provenanceFor('route evaluate', args.policy, { splits }, read);
    const page = evaluationPage(evaluation, explainPolicy(policy, log, seed));
    await writeEvaluationFolder(out, evaluation, page, { provenance, force: true });
    const percent = (value: number) => `${(100 * value).toFixed(1)}%`;
    const beside = Object.entries(evaluation.baselines).map(([name, each]) => {
      const equal = each.costAtEqualCoverage === null ? '' : `, ${figure(each.costAtEqualCoverage)} at equal coverage`;
      return `  ${name.padEnd(13)} ${figure(each.cost).padStart(7)} ${percent(each.coverage.value).padStart(7)}${equal}\n`;
    });
    print(
      `cost ${figure(cost)}, coverage ${percent(coverage.value)} (${percent(coverage.low)} to ${percent(coverage.high)}; target ` +
        `${percent(1 - policy.alpha)}), solvable ${percent(evaluation.solvableRate)}, guarantee ${guarantee}\n` +
        `${beside.join('')}${join(out, 'report.html')}\n`,
    );
    const { items: _, curve: __, baselines, ...figures } = evaluation;
    const named = Object.entries(baselines).map(([name, { curve: ___, ...each }]) => [name, each]);
    return { path: out, ...figures, baselines: Object.fromEntries(named), rows: join(out, 'rows.jsonl') };
  },
});
