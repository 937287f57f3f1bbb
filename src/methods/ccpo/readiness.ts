import { figure } from '../../base/index.ts';
import { rowsNeeded } from './calibration.ts';
import { fullCost } from './episode.ts';
import type { Log } from './trajectories.ts';

/** Whether a log is worth training on, before it is done. */
export interface Readiness {
  readonly go: boolean;
  readonly sentences: readonly string[];
}

/** What the log says about a target: whether the models differ, what there is to save, and whether n is large enough. */
export function readiness({ questions }: Log, alpha: number): Readiness {
  const share = (count: number) => count / questions.length;
  const percent = (value: number) => `${(100 * value).toFixed(1)}%`;
  const solvable = share(questions.filter(({ episode }) => episode.solvable).length);
  const first = share(
    questions.filter(({ episode }) => !episode.solvable || episode.nodes[0]?.leaves.some((leaf) => leaf?.right)).length,
  );
  const differ = share(
    questions.filter(({ episode: { nodes } }) => {
      const rights = nodes.flatMap(({ leaves }) => leaves.flatMap((leaf) => (leaf ? [leaf.right] : [])));
      return rights.some((right) => right !== rights[0]);
    }).length,
  );
  const rootCost = questions.reduce((sum, { episode }) => sum + (episode.nodes[0]?.cost ?? 0), 0) / questions.length;
  const deepCost = questions.reduce((sum, { episode }) => sum + fullCost(episode), 0) / questions.length;
  const calibration = questions.filter(({ split }) => split === 'calib').length;
  const needed = rowsNeeded(alpha);
  const sentences = [
    `${percent(solvable)} of the questions have a right answer in some round; round 1 covers ${percent(first)}, all rounds 100%.`,
    `One round costs ${figure(rootCost)} a question, all rounds ${figure(deepCost)}.`,
  ];
  const stops: string[] = [];
  if (differ === 0) stops.push('No question has both a right and a wrong answer: there is nothing to choose.');
  else if (first >= 1 - alpha)
    stops.push(`Round 1 alone reaches the asked ${percent(1 - alpha)}: nothing has to be routed.`);
  if (1 - solvable >= alpha) {
    stops.push(`${percent(1 - solvable)} are unsolvable, which counts as covered: read coverage given solvable.`);
  }
  if (calibration < needed)
    stops.push(`alpha ${alpha} needs ${needed} calibration rows, and there are ${calibration}.`);
  const go = differ > 0 && first < 1 - alpha && calibration >= needed;
  return { go, sentences: [...sentences, ...stops, go ? 'Go: there is something to save.' : 'No go.'] };
}
