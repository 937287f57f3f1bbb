import { figure } from '../base/index.ts';
import { argument, choice, defineVerb, flag, forceOption, integer, integers, number } from '../options/index.ts';
import { refuseOutput } from './shared/output.ts';
import { provenanceFor } from './shared/with-model.ts';

export const verb = defineVerb({
  arguments: {
    log: argument('trajectories.jsonl of cria route log, or its folder'),
    out: argument('the policy folder to write'),
  },
  options: {
    alpha: number('share of the questions that may be missed', { default: 0.1 }),
    estimator: choice(
      ['exact', 'vtrace'],
      'exact gradients of the log, or critics and a trust region as in the paper',
      'exact',
    ),
    steps: integer('training steps (default: 2000, of vtrace 400)', { min: 1 }),
    batch: integer('questions in a step (default: 32, of vtrace 128)', { min: 1 }),
    hidden: integers('sizes of the hidden layers (default: 64,64,64, of vtrace 32,32)', 1),
    ladder: flag('decide after every call, the base and the guide apart: the guide is then called only where it pays'),
    lambda: number('price of an answer in the set, in the unit of the costs', { default: 0, min: 0 }),
    dryRun: flag('print what the log allows, and train nothing'),
    emptyRule: choice(['abstain', 'argmax'], 'what a question without any action in its set gets', 'abstain'),
    force: forceOption,
  },
  examples: ['route train log policy --alpha 0.1', 'route train log policy --alpha 0.05 --seed 3'],
  async run({ args, options, progress, signal, print }) {
    const { alpha, estimator, steps, batch, hidden, ladder, lambda, emptyRule, seed, force, dryRun } = options;
    refuseOutput(args.out, force, [args.log]);
    const { readiness, readLog, refuseLevel, trainingPage, trainPolicy, writePolicyFolder } = await import(
      '../methods/ccpo/index.ts'
    );
    refuseLevel(alpha);
    const begun = performance.now();
    const log = await readLog(args.log, { seed, ladder, signal });
    if (log.truncated > 0) progress.note(`${log.truncated} rows were cut short and are left out.`);
    const { go, sentences } = readiness(log, alpha);
    for (const sentence of sentences) progress.note(sentence);
    if (dryRun) {
      print(`${args.out}: ${go ? 'can be trained' : 'is not worth training'} on ${log.questions.length} questions\n`);
      return { path: args.out, questions: log.questions.length, go, readiness: sentences };
    }
    const settings = { alpha, estimator, steps, batch, hidden, lambda, emptyRule, seed };
    const { policy, history } = await trainPolicy(log, settings, { progress, signal });
    const read = { models: [], files: [args.log], seed, signal };
    const provenance = await provenanceFor('route train', args.log, { ...settings, ladder }, read);
    await writePolicyFolder(args.out, policy, trainingPage(history, alpha, sentences), { provenance, force });
    const seconds = (performance.now() - begun) / 1000;
    print(
      `${args.out}: trained in ${figure(seconds)} s; certify it with cria route calibrate ${args.out} ${args.log} OUT\n`,
    );
    return { path: args.out, go, readiness: sentences, kappaOnline: policy.kappa_online, seconds };
  },
});
