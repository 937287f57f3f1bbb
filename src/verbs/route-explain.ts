import { CriaError, figure } from '../base/index.ts';
import { argument, defineVerb, text } from '../options/index.ts';

export const verb = defineVerb({
  arguments: {
    policy: argument('a folder of cria route train or calibrate, or its policy.json'),
    log: argument('trajectories.jsonl of cria route log, or its folder'),
  },
  options: { qid: text('the way of this question, step by step', { placeholder: 'id' }) },
  examples: ['route explain certified log', 'route explain certified log --qid q17'],
  async run({ args, options, signal, print }) {
    const { qid, seed } = options;
    const { explainPolicy, explainQuestion, readLog, readPolicy } = await import('../methods/ccpo/index.ts');
    const policy = readPolicy(args.policy);
    const log = await readLog(args.log, { seed: policy.split_seed ?? seed, ladder: policy.ladder, signal });
    if (qid !== undefined) {
      const path = explainQuestion(policy, log, qid);
      if (!path) throw new CriaError(`the log has no question ${qid}`, { where: '--qid' });
      for (const { round, visited, pi, set } of path.rounds) {
        const probabilities = Object.entries(pi).map(([action, p]) => `${action} ${p.toFixed(3)}`);
        print(
          `round ${round}${visited ? '' : ' (not reached)'}: ${probabilities.join(', ')}; in the set: ${set.join(', ') || 'nothing'}\n`,
        );
      }
      for (const { answer, score, right } of path.answers)
        print(`  ${answer} (${score.toFixed(3)}${right ? ', right' : ''})\n`);
      return path;
    }
    const explanation = explainPolicy(policy, log, seed);
    for (const { rounds, share, coverage, features } of explanation.depths) {
      const strong = Object.entries(features).filter(([, value]) => Math.abs(value) >= 0.2);
      const told = strong.map(([name, value]) => `${name} ${value > 0 ? '+' : ''}${value.toFixed(1)}`).join(', ');
      print(
        `${rounds} rounds: ${(100 * share).toFixed(1)}% of the questions, ${(100 * coverage).toFixed(1)}% covered; ${told}\n`,
      );
    }
    for (const { name, costWithout } of explanation.features) {
      print(
        `without ${name}: ${costWithout === null ? 'the coverage is not reached' : `cost ${figure(costWithout)}`}\n`,
      );
    }
    return explanation;
  },
});
