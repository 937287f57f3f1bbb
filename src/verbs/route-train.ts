import { figure, refuseExisting } from '../base/index.ts';
import { argument, choice, defineVerb, forceOption, integer, integers, number } from '../options/index.ts';
import { refuseAround } from './shared/replace.ts';

export const verb = defineVerb({
  arguments: {
    log: argument('trajectories.jsonl of cria route log, or its folder'),
    out: argument('the policy folder to write'),
  },
  options: {
    alpha: number('share of the questions that may be missed', { default: 0.1 }),
    estimator: choice(['exact'], 'exact gradients of the logged counterfactuals', 'exact'),
    steps: integer('training steps (default: 2000)', { min: 1 }),
    batch: integer('questions in a step', { default: 32, min: 1 }),
    hidden: integers('sizes of the hidden layers (default: 64,64,64)', 1),
    lambda: number('price of an answer in the set, in the unit of the costs', { default: 0, min: 0 }),
    emptyRule: choice(['abstain', 'argmax'], 'what a question without any action in its set gets', 'abstain'),
    force: forceOption,
  },
  examples: ['route train log policy --alpha 0.1', 'route train log policy --alpha 0.05 --seed 3'],
  async run({ args, options, progress, signal, print }) {
    const { alpha, estimator, steps, batch, lambda, emptyRule, seed, force } = options;
    refuseExisting(args.out, force);
    if (force) refuseAround(args.out, args.log);
    const { inputHashes, provenanceOf } = await import('../artifact/index.ts');
    const { policyDefaults, readiness, readLog, refuseLevel, trainingPage, trainPolicy, writePolicyFolder } =
      await import('../methods/ccpo/index.ts');
    refuseLevel(alpha);
    const begun = performance.now();
    const log = await readLog(args.log, seed, { signal });
    if (log.truncated > 0) progress.note(`${log.truncated} rows were cut short and are left out.`);
    const { go, sentences } = readiness(log, alpha);
    for (const sentence of sentences) progress.note(sentence);
    const hidden = options.hidden.length > 0 ? options.hidden : policyDefaults.hidden;
    const settings = { alpha, estimator, steps, batch, hidden, lambda, emptyRule, seed };
    const { policy, history } = await trainPolicy(log, settings, { progress, signal });
    const inputs = await inputHashes({ files: [args.log] }, { signal });
    const provenance = provenanceOf('route train', args.log, settings, seed, inputs);
    await writePolicyFolder(args.out, policy, trainingPage(history, alpha, sentences), { provenance, force });
    const seconds = (performance.now() - begun) / 1000;
    print(
      `${args.out}: trained in ${figure(seconds)} s; certify it with cria route calibrate ${args.out} ${args.log} OUT\n`,
    );
    return { path: args.out, go, readiness: sentences, kappaOnline: policy.kappa_online, seconds };
  },
});
