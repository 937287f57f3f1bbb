import { CriaError, concatArrays } from '../../base/index.ts';
import { type Value, type Values, value } from '../../engine/index.ts';
import type { Shape } from '../../tensor/index.ts';
import { everyLayer } from '../architecture/taps.ts';

/** The inputs of a decoder's graphs, by name. */
export type GraphInputs = ReadonlyMap<string, { readonly shape: Shape }>;

/** Whether an input has a row for every position: [1, seq, …]. */
const isByPosition = (inputs: GraphInputs, name: string): boolean =>
  (inputs.get(name) ?? inputs.get(everyLayer(name)))?.shape[1] === 'seq';

/**
 * The inputs of positions `from` to `to` of a piece with `total` positions: rows of those that have one for each, the
 * others as they are. @throws CriaError when an input has rows for another number of positions.
 */
export function feedsBetween(
  inputs: GraphInputs,
  feeds: Values,
  [from, to]: readonly [number, number],
  total: number,
): Values {
  return mapped(feeds, (x, name) => {
    if (!isByPosition(inputs, name)) return x;
    if (x.shape[1] !== total) {
      const what = `the input ${name} has rows for ${x.shape[1]} positions of ${total}`;
      throw new CriaError(what, { kind: 'failure' });
    }
    const size = x.data.length / total;
    return { ...x, shape: [1, to - from, ...x.shape.slice(2)], data: x.data.subarray(from * size, to * size) };
  });
}

/** Whether two pieces can be read in one run: the inputs that have no row for each position are the same values. */
export function areAlike(inputs: GraphInputs, a: Values, b: Values): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((name) => (isByPosition(inputs, name) ? name in a && name in b : a[name] === b[name]));
}

/** The inputs of several pieces of one position that are alike, which are read side by side. */
export function feedsTogether(inputs: GraphInputs, pieces: readonly Values[]): Values {
  return mapped(pieces[0] as Values, (x, name) => {
    if (!isByPosition(inputs, name) || x.dtype !== 'f32') return x;
    const rows = pieces.map((feeds) => (feeds[name] as Value<'f32'>).data);
    return value('f32', [1, pieces.length, ...x.shape.slice(2)], concatArrays(rows));
  });
}

const mapped = (feeds: Values, change: (x: Value, name: string) => Value): Values =>
  Object.fromEntries(Object.entries(feeds).map(([name, x]) => [name, change(x, name)]));
