import { figure } from '../base/index.ts';
import { argument, defineVerb, forceOption, number } from '../options/index.ts';
import { refuseOutput } from './shared/output.ts';
import { provenanceFor } from './shared/with-model.ts';

export const verb = defineVerb({
  arguments: {
    policy: argument('a folder of cria route train or calibrate, or its policy.json'),
    log: argument('trajectories.jsonl of cria route log, or its folder'),
    out: argument('the policy folder to write'),
  },
  options: {
    alpha: number("share of the questions that may be missed (default: the policy's)"),
    force: forceOption,
  },
  examples: ['route calibrate policy log certified --alpha 0.1'],
  async run({ args, options, signal, print }) {
    const { seed, force } = options;
    refuseOutput(args.out, force, [args.policy, args.log]);
    const { calibratePolicy, readLog, readPolicy, writePolicyFolder } = await import('../methods/ccpo/index.ts');
    const trained = readPolicy(args.policy);
    const alpha = options.alpha ?? trained.alpha;
    const log = await readLog(args.log, { seed: trained.split_seed ?? seed, ladder: trained.ladder, signal });
    const read = { models: [], files: [args.policy, args.log], seed, signal };
    const provenance = await provenanceFor('route calibrate', args.policy, { alpha }, read);
    const date = new Date().toISOString().slice(0, 10);
    const policy = calibratePolicy(trained, log, { alpha, date, dataHash: provenance.inputs[args.log] as string });
    await writePolicyFolder(args.out, policy, undefined, { provenance, force });
    const { n, k, solvable_rate: solvableRate } = policy.calib as NonNullable<typeof policy.calib>;
    const expected = 1 - k / (n + 1);
    print(
      `${args.out}: threshold ${figure(policy.kappa_hat as number)}, the ${k}. smallest of ${n}; expected coverage ` +
        `${(100 * expected).toFixed(2)}% or more, of which ${(100 * (1 - solvableRate)).toFixed(1)}% are unsolvable questions\n`,
    );
    return { path: args.out, alpha, kappa: policy.kappa_hat, n, k, expectedCoverage: expected, solvableRate };
  },
});
