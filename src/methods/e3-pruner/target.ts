import { CriaError } from '../../base/index.ts';
import type { Config } from '../../model/index.ts';
import { type BaselineName, baselineNames, type E3Options } from './options.ts';

const mostMasks = 1000;

/** What follows from options and model. */
export interface Target {
  readonly layers: number;
  readonly drop: number;
  /** Layers that may be dropped. */
  readonly free: readonly number[];
}

/** @throws CriaError when the options do not leave a model. */
export function targetOf({ layers }: Pick<Config, 'layers'>, options: E3Options): Target {
  const { drop, keep, multipleOf } = options;
  const kept = options.kept.length > 0 ? options.kept : undefined;
  if ([drop, keep, kept].filter((each) => each !== undefined).length !== 1) {
    const remedy = 'pass one of --drop R, --keep K and --kept LIST';
    throw new CriaError('the number of layers to drop is not clear', { remedy });
  }
  const wanted = kept?.length ?? keep ?? layers - (drop as number);
  const where = kept ? '--kept' : keep === undefined ? '--drop' : '--keep';
  if (wanted < 1 || wanted >= layers) {
    const remedy = where === '--drop' ? `use 1 to ${layers - 1}` : `keep 1 to ${layers - 1} of them`;
    throw new CriaError(`${wanted} of ${layers} layers cannot be kept`, { where, remedy });
  }
  const rounded = Math.ceil(wanted / multipleOf) * multipleOf;
  if (rounded >= layers) {
    const what = `no multiple of ${multipleOf} lies from ${wanted} to ${layers - 1}`;
    throw new CriaError(what, { where: '--multiple-of', remedy: 'drop more layers, or leave it out' });
  }
  if (kept && rounded !== kept.length) {
    const what = `${kept.length} kept layers are no multiple of ${multipleOf}`;
    throw new CriaError(what, { where: '--kept', remedy: `use ${rounded}, or leave --multiple-of out` });
  }
  const pinned = new Set(options.protect.map((layer) => placeOf(layer, layers)));
  const free = Array.from({ length: layers }, (_, layer) => layer).filter((layer) => !pinned.has(layer));
  if (pinned.size > rounded) {
    const what = `${pinned.size} layers are protected and ${rounded} are to be kept`;
    throw new CriaError(what, { where: '--protect', remedy: 'protect fewer, or drop fewer' });
  }
  if (kept) refuseKept(kept, pinned, layers);
  const target = { layers, drop: layers - rounded, free };
  if (options.allMasks && countOfMasks(target) > mostMasks) {
    const what = `there are ${countOfMasks(target)} masks, more than ${mostMasks}`;
    throw new CriaError(what, { where: '--all-masks', remedy: 'leave it out' });
  }
  return target;
}

function placeOf(layer: number, layers: number): number {
  const place = layer < 0 ? layers + layer : layer;
  if (place >= 0 && place < layers) return place;
  throw new CriaError(`there is no layer ${layer}`, { where: '--protect', remedy: `use -${layers} to ${layers - 1}` });
}

function refuseKept(kept: readonly number[], pinned: ReadonlySet<number>, layers: number): void {
  const ascending = kept.every((layer, i) => layer > (kept[i - 1] ?? -1) && layer < layers);
  if (!ascending) {
    const remedy = `use ascending layers from 0 to ${layers - 1}, as in 0,1,4`;
    throw new CriaError(`the layers ${kept.join(',')} cannot be kept`, { where: '--kept', remedy });
  }
  const missing = [...pinned].find((layer) => !kept.includes(layer));
  if (missing !== undefined) {
    throw new CriaError(`layer ${missing} is protected`, { where: '--kept', remedy: 'keep it, or do not protect it' });
  }
}

/** The baselines by name. @throws CriaError naming one that there is not. */
export function baselinesOf({ baselines }: Pick<E3Options, 'baselines'>): BaselineName[] {
  return baselines.map((name) => {
    const found = baselineNames.find((known) => known === name);
    if (found) return found;
    const remedy = `use some of ${baselineNames.join(', ')}`;
    throw new CriaError(`there is no baseline ${name}`, { where: '--baselines', remedy });
  });
}

/** How many sets of layers can be kept: n over k. */
function countOfMasks({ free, drop }: Pick<Target, 'free' | 'drop'>): number {
  let count = 1;
  for (let i = 1; i <= drop; i++) count = (count * (free.length - drop + i)) / i;
  return Math.round(count);
}
