import { CriaError } from '../../base/index.ts';
import { type Mask, masked } from '../../linalg/index.ts';
import type { Pattern } from './pattern.ts';
import { type Floats, intoScale } from './problem.ts';

/** How much each objective counts: not negative, with sum 1. */
export type Preference = readonly number[];

export const uniform = (objectives: number): Preference => Array(objectives).fill(1 / objectives);

export const isUniform = (preference: Preference): boolean =>
  preference.every((weight) => Math.abs(weight - 1 / preference.length) < 1e-9);

/** The objective that alone counts; undefined when several do. */
export function onlyObjective(preference: Preference): number | undefined {
  const only = preference.indexOf(1);
  return only >= 0 && preference.every((weight, i) => i === only || weight === 0) ? only : undefined;
}

/** Every preference of which the weights are whole multiples of 1 / steps, the first objective's largest first. */
export function preferenceGrid(objectives: number, steps: number): Preference[] {
  const shares = (left: number, count: number): number[][] =>
    count === 1
      ? [[left]]
      : Array.from({ length: left + 1 }, (_, i) => left - i).flatMap((first) =>
          shares(left - first, count - 1).map((others) => [first, ...others]),
        );
  return shares(steps, objectives).map((counts) => counts.map((count) => count / steps));
}

const usualSteps = (objectives: number): number => (objectives === 2 ? 10 : objectives);

/**
 * The preferences of a front of `points`: the grid of that size, and the uniform preference where it has none. Without a
 * number, 11 for two objectives, else the coarsest grid that holds the uniform one.
 * @throws CriaError when no grid has that many.
 */
export function frontPreferences(objectives: number, points?: number): Preference[] {
  if (objectives === 1) return [[1]];
  const sizes: number[] = [];
  for (let steps = 1; (sizes.at(-1) ?? 0) < (points ?? 0); steps++) sizes.push(gridSize(objectives, steps));
  if (points !== undefined && sizes.at(-1) !== points) {
    const near = [sizes.at(-2), sizes.at(-1)].filter((size) => size !== undefined).join(' or ');
    throw new CriaError(`a front over ${objectives} objectives cannot have ${points} points`, {
      where: '--points',
      remedy: `use ${near}`,
    });
  }
  const grid = preferenceGrid(objectives, points === undefined ? usualSteps(objectives) : sizes.length);
  return grid.some(isUniform) ? grid : [...grid, uniform(objectives)];
}

/** C(steps + objectives - 1, steps). */
function gridSize(objectives: number, steps: number): number {
  let size = 1;
  for (let i = 1; i < objectives; i++) size = (size * (steps + i)) / i;
  return Math.round(size);
}

/** A name for a point: its weights, as 0.7-0.3. */
export const preferenceId = (preference: Preference): string =>
  preference.map((weight) => String(Number(weight.toFixed(3)))).join('-');

/**
 * lambda': the preference, shorter the nearer it is to the uniform one, by which differences of weights are multiplied.
 * One objective has itself. (MOSP, section 3.3)
 */
export function effectivePreference(preference: Preference, power: number): Preference {
  const count = preference.length;
  if (count === 1) return preference;
  const distance = preference.reduce((sum, weight) => sum + Math.abs(weight - 1 / count), 0);
  const factor = (distance / (2 * (1 - 1 / count))) ** power;
  return preference.map((weight) => factor * weight);
}

/** The weights of one matrix of which every point is made. */
export interface WeightSets {
  readonly shared: Floats;
  /** By objective. */
  readonly own: readonly Floats[];
  readonly core: Mask;
  /** [in]: magnitudes are compared after multiplication by it. */
  readonly scale: Float32Array;
}

/**
 * P(W + sum lambda'_i (W_i - W)) with the core kept. The uniform preference is W itself and a preference for one
 * objective W_i, to the bit. (MOSP, equation 7)
 */
export function merged(sets: WeightSets, pattern: Pattern, preference: Preference, power: number): Floats {
  const { shared, own, core, scale } = sets;
  const only = onlyObjective(preference);
  if (only !== undefined) return own[only] as Floats;
  if (isUniform(preference)) return shared;
  const factors = effectivePreference(preference, power);
  const sum = shared.data.slice();
  for (const [i, { data }] of own.entries()) {
    const factor = factors[i] as number;
    for (let at = 0; at < sum.length; at++) {
      sum[at] = (sum[at] as number) + factor * ((data[at] as number) - (shared.data[at] as number));
    }
  }
  const magnitudes = intoScale({ ...shared, data: sum }, scale).data;
  return { ...shared, data: masked(sum, pattern.projectAround(core)(magnitudes)) };
}
