import type { BlockType } from '../types.ts';
import { type BlockFormat, blockFormat } from './format.ts';
import { q4_0, q4_1, q5_0, q5_1 } from './halves.ts';
import { q4_k } from './q4_k.ts';
import { q6_k } from './q6_k.ts';
import { q8_0 } from './q8.ts';

/** Every block quantization that cria reads; those with `quantize` it writes too. */
export const blocks: Readonly<Record<BlockType, BlockFormat>> = {
  Q4_0: q4_0,
  Q4_1: q4_1,
  Q5_0: q5_0,
  Q5_1: q5_1,
  Q8_0: q8_0,
  Q2_K: blockFormat('Q2_K'),
  Q3_K: blockFormat('Q3_K'),
  Q4_K: q4_k,
  Q5_K: blockFormat('Q5_K'),
  Q6_K: q6_k,
  IQ4_NL: blockFormat('IQ4_NL'),
};
