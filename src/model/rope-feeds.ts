import { type Value, type Values, value } from '../engine/index.ts';
import type { Config } from './config.ts';
import { positionInputs } from './positions.ts';
import { lengthMatters, rotaryTables } from './rope.ts';

/**
 * The rotation tables for texts of up to `positions` positions, where the current text has `length` of them.
 * Tables are made once and grow by doubling; a rope that depends on the length has its own for each length beyond
 * the original one.
 */
export function rotaryFeeds(config: Config): (positions: number, length?: number) => Values {
  let made = 0;
  let madeFor = 0;
  let feeds: Values = {};
  return (positions, length = positions) => {
    const depends = lengthMatters(config.rope);
    if (positions <= made && (!depends || length === madeFor)) return feeds;
    made = depends ? positions : 2 ** Math.ceil(Math.log2(Math.max(positions, 256)));
    madeFor = length;
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
