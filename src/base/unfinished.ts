import { CriaError } from './errors.ts';

/** What a run was asked for: plain data that a resumed run has to repeat. */
export type Settings = Readonly<Record<string, unknown>>;

/** How a run whose state lies beside its output is to begin. */
export interface Beginning {
  /** Go on with an unfinished one. */
  readonly resume: boolean;
  /** Give up what is there. */
  readonly force: boolean;
}

/**
 * Called before long work starts, with whether an unfinished run `isThere`, and `where` it would be.
 * @throws CriaError when it would be lost, or there is none to resume.
 */
export function refuseUnfinished(where: string, isThere: boolean, { resume, force }: Beginning): void {
  if (isThere && !resume && !force) {
    const remedy = '--resume goes on with it, --force begins again';
    throw new CriaError('holds an unfinished run', { where, remedy });
  }
  if (resume && !isThere) {
    throw new CriaError('there is no unfinished run to resume', { where, remedy: 'begin without --resume' });
  }
}

/** @throws CriaError naming what a resumed run was asked for that differs. */
export function refuseOtherSettings(where: string, saved: Settings, asked: Settings): void {
  const shown = (value: unknown) => JSON.stringify(value) ?? 'not given';
  const differing = [...new Set([...Object.keys(saved), ...Object.keys(asked)])]
    .filter((name) => shown(saved[name]) !== shown(asked[name]))
    .map((name) => `${name} was ${shown(saved[name])} and is ${shown(asked[name])}`);
  if (differing.length === 0) return;
  throw new CriaError(`the run was begun with other options: ${differing.join('; ')}`, {
    where,
    remedy: 'resume it with the same ones, or begin again with --force',
  });
}
