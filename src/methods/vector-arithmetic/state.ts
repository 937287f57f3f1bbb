import { existsSync, rmSync } from 'node:fs';
import {
  besideOutput,
  CriaError,
  type RunStart,
  refuseOtherSettings,
  refuseRunState,
  type Settings,
  writeFileAtomically,
} from '../../base/index.ts';
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
 * The state of the run that writes `out`, in the file `out.state.json`. `settings` are what its prompts follow from.
 * @throws CriaError when it would be lost, or is to be resumed and is not there or was begun with other settings.
 */
export function openState(out: string, settings: Settings, beginning: RunStart): ScoreState {
  const path = besideOutput(out, 'state.json');
  refuseRunState(path, existsSync(path), beginning);
  return {
    begun: beginning.resume ? sumsIn(path, settings) : undefined,
    save: (sums) =>
      writeFileAtomically(path, (append) =>
        append(new TextEncoder().encode(`${JSON.stringify({ settings, sums })}\n`)),
      ),
    clear: () => rmSync(path, { force: true }),
  };
}

function sumsIn(path: string, asked: Settings): Sums {
  const { settings, sums } = (readJson(path) ?? {}) as { readonly settings?: Settings; readonly sums?: Sums };
  if (!settings || !sums) {
    throw new CriaError('is no saved state of a run', { where: path, remedy: 'begin again with --force' });
  }
  refuseOtherSettings(path, settings, asked);
  return sums;
}
