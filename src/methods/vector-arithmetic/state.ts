import { existsSync, rmSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { CriaError, writeFileAtomically } from '../../base/index.ts';
import { readJson } from '../../data/index.ts';
import type { ScoreKind, ScoreSums } from './scores.ts';

type Sums = Partial<Record<ScoreKind, ScoreSums>>;

/** What an interrupted run leaves beside its output. */
export interface ScoreState {
  /** What had been scored; undefined when nothing is resumed. */
  readonly begun: Sums | undefined;
  save(sums: Sums): Promise<void>;
  /** Removes it: the output is there. */
  clear(): void;
}

/**
 * The state of the run that writes `out`, in the file `out.state.json`. `options` are what its prompts follow from.
 * @throws CriaError when it is to be resumed and was begun with other options.
 */
export function openState(out: string, options: Readonly<Record<string, unknown>>, resume: boolean): ScoreState {
  const path = `${out}.state.json`;
  const now = JSON.parse(JSON.stringify(options)) as unknown;
  let begun: Sums | undefined;
  if (resume && existsSync(path)) {
    const read = readJson(path) as { readonly options?: unknown; readonly sums?: Sums } | null;
    if (!read?.sums || !isDeepStrictEqual(read.options, now)) {
      throw new CriaError('belongs to a run with other options', {
        where: path,
        remedy: 'give the same options, or leave --resume out',
      });
    }
    begun = read.sums;
  }
  return {
    begun,
    save: (sums) =>
      writeFileAtomically(path, (append) =>
        append(new TextEncoder().encode(`${JSON.stringify({ options: now, sums })}\n`)),
      ),
    clear: () => rmSync(path, { force: true }),
  };
}
