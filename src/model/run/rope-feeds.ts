import { integers, type Value, type Values, value } from '../../engine/index.ts';
import type { Config } from '../architecture/config.ts';
import { positionInputs } from '../architecture/positions.ts';
import { lengthGiving, rotaryTables } from '../architecture/rope.ts';

/**
 * The rotation tables for texts of up to `positions` positions, where the current text has `length` of them.
 * Tables are made once and grow by doubling; a rope that depends on the length has its own for every length that gives
 * other frequencies.
 */
export function rotaryFeeds(config: Config): (positions: number, length?: number) => Values {
  const keyOf = (length: number) => `${[config.rope, config.windowRope].map((rope) => lengthGiving(rope, length))}`;
  let made = 0;
  let madeFor = '';
  let feeds: Values = {};
  return (positions, length = positions) => {
    const key = keyOf(length);
    if (positions <= made && key === madeFor) return feeds;
    const lasts = keyOf(length + 1) === key;
    made = lasts ? 2 ** Math.ceil(Math.log2(Math.max(positions, 256))) : positions;
    madeFor = key;
    const table = (values: Float32Array): Value => value('f32', [made, values.length / made], values);
    const { cos, sin } = rotaryTables(config.rope, made, length);
    feeds = { [positionInputs.cos]: table(cos), [positionInputs.sin]: table(sin) };
    if (config.windowRope !== config.rope) {
      const window = rotaryTables(config.windowRope, made, length);
      feeds = {
        ...feeds,
        [positionInputs.windowCos]: table(window.cos),
        [positionInputs.windowSin]: table(window.sin),
      };
    }
    return feeds;
  };
}

/**
 * The positions of a run, [texts, count] or of another shape, and the tables that they point into, for texts of the given
 * lengths. Where the rotation depends on the length of a text, texts of unequal lengths have a table each, one after the
 * other.
 */
export function rotations(
  config: Config,
): (positions: readonly (readonly number[])[], lengths: readonly number[], shape?: readonly number[]) => Values {
  const common = rotaryFeeds(config);
  return (positions, lengths, shape = [positions.length, positions[0]?.length ?? 0]) => {
    // the runtime's kernel asks for tables of at least as many rows as a row has positions
    const longest = Math.max(...lengths, shape.at(-1) as number);
    const apart = new Set(lengths.map((length) => lengthGiving(config.rope, length))).size > 1;
    const tables = apart
      ? stacked(
          lengths.map((length) => rotaryFeeds(config)(longest, length)),
          longest,
        )
      : common(longest);
    const shifted = positions.flatMap((row, text) => (apart ? row.map((p) => text * longest + p) : row));
    return { ...tables, [positionInputs.positions]: integers(shifted, shape) };
  };
}

/** The first `rows` rows of tables of the same names, one table after the other. */
function stacked(tables: readonly Values[], rows: number): Values {
  const join = (name: string): Value => {
    const parts = tables.map((each) => each[name] as Value<'f32'>);
    const columns = (parts[0] as Value).shape[1] as number;
    const data = new Float32Array(parts.length * rows * columns);
    for (const [i, part] of parts.entries()) data.set(part.data.subarray(0, rows * columns), i * rows * columns);
    return value('f32', [parts.length * rows, columns], data);
  };
  return Object.fromEntries(Object.keys(tables[0] ?? {}).map((name) => [name, join(name)]));
}
