import { bca, dominated, type Estimate, hypervolume } from '../../statistics/index.ts';
import type { TestRow } from './evaluate.ts';
import type { BaselineName } from './options.ts';
import { isUniform, onlyObjective, type Preference, preferenceId } from './preference.ts';

/** How far a reference point lies beyond the reference model's perplexities. (MOSP, section 4.1) */
const beyond = 1.1;

/** Perplexities by objective. */
export type Perplexities = Readonly<Record<string, number>>;

export interface Hypervolume extends Estimate {
  /** The perplexities (their logarithms) up to which volume counts: 1.1 times those of the reference model. */
  readonly reference: readonly number[];
  readonly referenceModel: string;
}

/** What the test windows say about the points and the baselines. */
export interface Front {
  readonly perplexity: ReadonlyMap<string, Perplexities>;
  /** By point. */
  readonly dominated: readonly boolean[];
  readonly hypervolume: Hypervolume;
  /** Of the logarithms of perplexities. */
  readonly hypervolumeLog: Hypervolume;
  /**
   * By objective, the share of the way from ALPS on all calibration data to ALPS on the objective's own, in perplexity,
   * that the point of this objective goes. Only where both were evaluated.
   */
  readonly gapClosed: Readonly<Record<string, Estimate>>;
}

const resamples = 2000;

/**
 * Measures a front from rows of test windows. Intervals are BCa; the windows of an objective are resampled together for all
 * models, because every model reads the same ones.
 */
export function measureFront(
  rows: readonly TestRow[],
  preferences: readonly Preference[],
  objectives: readonly string[],
  seed: number,
): Front {
  const table = windowTable(rows);
  const ids = preferences.map(preferenceId);
  const perplexity = perplexitiesOf(rows);
  const uniformId = ids[preferences.findIndex(isUniform)] as string;
  const referenceModel = table.sums.has('sparsegpt') ? 'sparsegpt' : uniformId;
  const options = { seed, resamples, strata: table.strata };
  const volume = (scale: (perplexity: number) => number): Hypervolume => {
    const referenceAt = (items?: Uint32Array) =>
      objectives.map((name) => scale(beyond * table.at(referenceModel, name, items)));
    const estimate = bca(
      table.strata.length,
      (items) => {
        const points = ids.map((id) => objectives.map((name) => scale(table.at(id, name, items))));
        return hypervolume(points, referenceAt(items));
      },
      options,
    );
    return { ...estimate, reference: referenceAt(), referenceModel };
  };
  const gapClosed: Record<string, Estimate> = {};
  for (const [i, name] of objectives.entries()) {
    const own = ids[preferences.findIndex((preference) => onlyObjective(preference) === i)] as string;
    if (!table.sums.get('alps-per-task')?.has(name) || objectives.length === 1) continue;
    gapClosed[name] = bca(
      table.strata.length,
      (items) => {
        const [all, each, best] = [uniformId, own, 'alps-per-task'].map((model) => table.at(model, name, items));
        return ((all as number) - (each as number)) / ((all as number) - (best as number));
      },
      options,
    );
  }
  return {
    perplexity,
    dominated: dominated(ids.map((id) => objectives.map((name) => table.at(id, name)))),
    hypervolume: volume((x) => x),
    hypervolumeLog: volume(Math.log),
    gapClosed,
  };
}

/** The perplexities of every model on the test text of each objective. */
export function perplexitiesOf(rows: readonly TestRow[]): Map<string, Perplexities> {
  const table = windowTable(rows);
  return new Map(
    [...table.sums].map(([model, own]) => [
      model,
      Object.fromEntries([...own.keys()].map((name) => [name, table.at(model, name)])),
    ]),
  );
}

/** The names under which baselines stand beside the points: `alps` is the uniform point. */
export const evaluatedBaselines = (baselines: readonly BaselineName[]): readonly BaselineName[] =>
  baselines.filter((name) => name !== 'alps');

interface Sums {
  readonly tokens: number;
  readonly logLikelihood: number;
}

/** Rows by model, objective and window; the items of the bootstrap are the windows of all objectives. */
function windowTable(rows: readonly TestRow[]) {
  const sums = new Map<string, Map<string, Sums[]>>();
  for (const { model, objective, window, tokens, logLikelihood } of rows) {
    const own = sums.get(model) ?? new Map<string, Sums[]>();
    sums.set(model, own);
    const windows = own.get(objective) ?? [];
    own.set(objective, windows);
    windows[window] = { tokens, logLikelihood };
  }
  const counts = new Map<string, number>();
  for (const { objective, window } of rows) counts.set(objective, Math.max(counts.get(objective) ?? 0, window + 1));
  const strata = [...counts].flatMap(([name, count]) => Array<string>(count).fill(name));
  const offsets = new Map([...counts.keys()].map((name) => [name, strata.indexOf(name)]));
  /** The perplexity of a model on an objective, over all its windows or over those of a resample. */
  const at = (model: string, objective: string, items?: Uint32Array): number => {
    const windows = sums.get(model)?.get(objective) ?? [];
    const offset = offsets.get(objective) as number;
    let [tokens, total] = [0, 0];
    const take = ({ tokens: count, logLikelihood }: Sums) => {
      tokens += count;
      total += logLikelihood;
    };
    if (items === undefined) for (const window of windows) take(window);
    else
      for (const item of items)
        if (item >= offset && item < offset + windows.length) take(windows[item - offset] as Sums);
    return Math.exp(-total / tokens);
  };
  return { sums, strata, at };
}
