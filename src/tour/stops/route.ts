import { join } from 'node:path';
import { provenanceOf } from '../../artifact/index.ts';
import {
  calibratePolicy,
  evaluatePolicy,
  evaluationPage,
  explainPolicy,
  readLog,
  trainPolicy,
} from '../../methods/ccpo/index.ts';
import { presets, writeSimulation } from '../../router/index.ts';
import type { Stop } from '../stop.ts';

const [questions, steps, alpha] = [3000, 250, 0.1];

/** A router between a cheap and an expensive way, on simulated questions whose optimum is known. */
export const route: Stop = {
  name: 'route',
  title: 'A router pays for a second round only where it helps',
  async visit({ scratch, seed, signal, say }) {
    const folder = join(scratch, 'route');
    const preset = presets['easy-hard'] as (typeof presets)[string];
    const provenance = provenanceOf('tour', 'easy-hard', { questions }, seed);
    const drawn = { questions, seed, permute: false };
    const optimum = await writeSimulation(folder, preset, drawn, { provenance, force: false });
    const least = optimum.find((each) => each.alpha === alpha)?.cost ?? 0;
    say(`${questions} simulated questions, ${preset.summary}: at least ${least} rounds a question for 90% covered`);
    const log = await readLog(folder, { seed, signal });
    const settings = {
      alpha,
      estimator: 'exact',
      lambda: 0,
      emptyRule: 'abstain',
      steps,
      batch: undefined,
      hidden: [32, 32],
      seed,
    } as const;
    const { policy } = await trainPolicy(log, settings, { signal });
    const certified = calibratePolicy(policy, log, { alpha, date: '', dataHash: '' });
    const evaluation = evaluatePolicy(certified, log, { seed }, { signal });
    const { cost, coverage, baselines } = evaluation;
    const covered = (100 * coverage.value).toFixed(1);
    const deep = baselines['always-deep']?.cost;
    say(
      `trained and calibrated: ${covered}% covered for ${cost.toFixed(2)} rounds a question; all rounds cost ${deep}`,
    );
    const [first] = evaluationPage(evaluation, explainPolicy(certified, log, seed)).sections;
    return { figures: { cost, coverage, least, alwaysDeep: deep }, parts: first?.parts ?? [] };
  },
};
