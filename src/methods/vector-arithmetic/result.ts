import type { Rows } from '../../linalg/index.ts';
import type { Ablation } from './ablation.ts';
import type { ScoredHead } from './heads.ts';
import { type SettingName, settingNames, type TaskResult } from './judge.ts';
import type { Factors } from './ov.ts';
import type { HeadScores, ScoreKind } from './scores.ts';

/** A lens of some heads: dense, and its factors where its rank was bounded. */
export interface Lens {
  readonly heads: readonly ScoredHead[];
  readonly matrix: Rows;
  readonly factors?: Factors;
}

/** What a run has found. */
export interface LensResult {
  readonly scores: Readonly<Record<ScoreKind, Pick<HeadScores, 'heads'> & Partial<HeadScores>>>;
  /** How many heads of each lens score beyond chance, where that can be known. */
  readonly beyondChance: Readonly<Record<ScoreKind, number | undefined>>;
  /** What heads look at, where they were scored: the ends of names, and the next token. */
  readonly attention?: Readonly<Record<ScoreKind, readonly ScoredHead[]>>;
  readonly lenses: Readonly<Record<ScoreKind, Lens>>;
  /** Whether the lenses hold the gains of the norms before attention. */
  readonly foldNorm: boolean;
  /** Heads in a lens, and the rank of lenses where it was bounded. */
  readonly top: number;
  readonly rank?: number;
  readonly tasks: readonly TaskResult[];
  /** Means over tasks of the accuracies on the pairs that have not chosen the layer. */
  readonly accuracy: Readonly<Record<SettingName | 'random' | 'layerMatched' | 'inContext', number>>;
  readonly ablation: Readonly<Record<'none' | ScoreKind | 'random', Ablation>>;
}

/** The means over tasks. */
export function meanAccuracy(tasks: readonly TaskResult[]): LensResult['accuracy'] {
  const mean = (of: (task: TaskResult) => number) => tasks.reduce((sum, task) => sum + of(task), 0) / tasks.length;
  const settings = settingNames.map((name) => [name, mean((task) => task.settings[name].best.judge.accuracy)]);
  return {
    ...(Object.fromEntries(settings) as Record<SettingName, number>),
    random: mean((task) => task.random.mean),
    layerMatched: mean((task) => task.layerMatched.mean),
    inContext: mean((task) => task.inContext),
  };
}
