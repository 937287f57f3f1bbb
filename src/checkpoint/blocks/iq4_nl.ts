import { blockFormat } from './format.ts';
import { readHalf } from './half.ts';

/** The 16 levels, denser around zero where weights are: ggml's kvalues_iq4nl. */
const levels = Int8Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);

/** The levels as codes of 8 bits, of which 128 stands for 0. */
export const shiftedLevels = Uint8Array.from(levels, (level) => level + 128);

/** IQ4_NL: weight = scale * levels[q], laid out as Q4_0. */
export const iq4_nl = blockFormat(32, 18, (bytes, at, into, to) => {
  const scale = readHalf(bytes, at);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 2 + i] as number;
    into[to + i] = scale * (levels[pair & 15] as number);
    into[to + 16 + i] = scale * (levels[pair >> 4] as number);
  }
});
