import type { StoredType } from '../types.ts';

/** The number of a stored type in a GGUF file. (ggml.h, ggml_type) */
export const typeNumbers: Readonly<Partial<Record<StoredType, number>>> = {
  F32: 0,
  F16: 1,
  Q4_0: 2,
  Q4_1: 3,
  Q5_0: 6,
  Q5_1: 7,
  Q8_0: 8,
  Q2_K: 10,
  Q3_K: 11,
  Q4_K: 12,
  Q5_K: 13,
  Q6_K: 14,
  IQ4_NL: 20,
  I8: 24,
  I16: 25,
  I32: 26,
  I64: 27,
  F64: 28,
  BF16: 30,
};

const byNumber = new Map(Object.entries(typeNumbers).map(([type, number]) => [number, type as StoredType]));

/** Types that llama.cpp knows and cria does not read, so that a refusal can name them. */
const unread = new Map<number, string>([
  [9, 'Q8_1'],
  [15, 'Q8_K'],
  [16, 'IQ2_XXS'],
  [17, 'IQ2_XS'],
  [18, 'IQ3_XXS'],
  [19, 'IQ1_S'],
  [21, 'IQ3_S'],
  [22, 'IQ2_S'],
  [23, 'IQ4_XS'],
  [29, 'IQ1_M'],
  [34, 'TQ1_0'],
  [35, 'TQ2_0'],
  [39, 'MXFP4'],
]);

/** The type of a number, or a phrase that names what it is instead. */
export function typeOfNumber(number: number): { type: StoredType } | { instead: string } {
  const type = byNumber.get(number);
  return type ? { type } : { instead: unread.get(number) ?? `type ${number}` };
}
