import { defaultsOf, flag, integer, integers, type OptionValues } from '../../options/index.ts';
import type { ScoredHead } from './heads.ts';
import type { ScoreKind } from './scores.ts';

/** Defaults of Feucht et al. 2025, The Dual-Route Model of Induction, the authors' code. */
export const lensOptions = {
  prompts: integer('prompts for each of the two scores', { default: 1024, min: 4, max: 1_000_000 }),
  length: integer('tokens of filler and name on either side of a prompt', { default: 30, min: 8, max: 1000 }),
  top: integer('heads in a lens (default: 80 of 1024)', { min: 1 }),
  rank: integer('rank of the lenses (default: as the heads give it)', { min: 1 }),
  foldNorm: flag('lenses hold the gains of the norms before attention'),
  ranks: integers('ranks of lenses that are compared on every task, as in 8,32,128', 1),
  tops: integers('numbers of heads of lenses that are compared on every task, as in 5,21,43', 1),
};

/** Options of the method. */
export interface LensOptions extends OptionValues<typeof lensOptions> {
  /** Files of analogies or of pairs. */
  readonly tasks: readonly string[];
  /** Files: names one a line (by default the tasks' words), text (by default the vocabulary's words). */
  readonly entities?: string | undefined;
  readonly filler?: string | undefined;
  /** More words to choose answers from. */
  readonly candidates?: readonly string[] | undefined;
  /** Scores that were found before. */
  readonly scores?: Readonly<Record<ScoreKind, readonly ScoredHead[]>> | undefined;
  readonly seed: number;
}

export const lensDefaults: Omit<LensOptions, 'tasks'> = { ...defaultsOf(lensOptions), seed: 0 };
