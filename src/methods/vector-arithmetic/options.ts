import type { ScoredHead } from './heads.ts';
import type { ScoreKind } from './scores.ts';

/** What the method can be asked for. */
export interface LensOptions {
  /** Files of analogies or of pairs. */
  readonly tasks: readonly string[];
  /** Files: names one a line (by default the tasks' words), text (by default the vocabulary's words). */
  readonly entities?: string;
  readonly filler?: string;
  /** More words to choose answers from. */
  readonly candidates?: readonly string[];
  /** Scores that were found before. */
  readonly scores?: Readonly<Record<ScoreKind, readonly ScoredHead[]>>;
  /** Prompts for each of the two scores. */
  readonly prompts: number;
  /** Tokens of filler and entity on either side of a prompt's new line. */
  readonly length: number;
  /** Heads in a lens; by default 80 in 1024. */
  readonly top?: number;
  /** The rank of the lenses; by default they are the sums as they are. */
  readonly rank?: number;
  /** Lenses hold the gains of the norms before attention, and states are scaled to a root mean square of 1. */
  readonly foldNorm: boolean;
  /** Ranks, and numbers of heads, of lenses that are compared on every task. */
  readonly ranks: readonly number[];
  readonly tops: readonly number[];
  readonly seed: number;
}

export const lensDefaults: Omit<LensOptions, 'tasks'> = {
  prompts: 1024, // Feucht et al. 2025, The Dual-Route Model of Induction, the authors' code
  length: 30,
  foldNorm: false,
  ranks: [],
  tops: [],
  seed: 0,
};
