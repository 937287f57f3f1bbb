import { type Checkpoint, integerForms, isBlockType } from '../../checkpoint/index.ts';
import type { Config } from '../architecture/config.ts';
import { headName, layerPrefix } from '../architecture/names.ts';
import type { Packing } from './weights.ts';

/** In which precision weights are held: as the file suggests, or as asked. */
export const precisions = ['auto', 'f32', 'q8', 'q4'] as const;
export type Precision = (typeof precisions)[number];

/** Of what is rounded here; what a file holds as blocks keeps its own. */
export const roundedBlock = 32;

const minimum4: Packing = { bits: 4, block: roundedBlock, minimums: true, wideActivations: false };
const exact8: Packing = { bits: 8, block: roundedBlock, minimums: false, wideActivations: false };

/** How a matrix is packed without rounding; undefined where it is neither in blocks nor on grids of whole blocks. */
export function exactPacking({ tensors, quantization }: Checkpoint, name: string): Packing | undefined {
  const held = quantization?.matrices.get(name);
  if (held?.grid) {
    const { bits, group, grid } = held;
    if ((bits !== 4 && bits !== 8) || group % roundedBlock !== 0) return undefined;
    return { bits, block: roundedBlock, minimums: !grid.symmetric, wideActivations: false };
  }
  const type = tensors.get(name)?.type;
  const form = isBlockType(type) ? integerForms[type] : undefined;
  return form && { bits: form.bits, block: form.group, minimums: form.minimums, wideActivations: false };
}

/**
 * How a matrix is packed. `auto` keeps float weights in float32 and quantized ones as the integers that they are: in 4 or 8
 * bits, in blocks of 16 or 32, exactly but for a last digit of minimums. What is asked for in other bits than it has is
 * rounded, and so is a table that is looked up by rows unless it has 8 bits and no minimums.
 */
export function packingFor(
  precision: Precision,
  exact: Packing | undefined,
  inner: number,
  isTable: boolean,
): Packing | undefined {
  if (precision === 'f32' || inner % roundedBlock !== 0) return undefined;
  if (precision === 'auto' && !exact) return undefined;
  if (isTable || precision === 'q8') return exact?.bits === 8 && !exact.minimums ? exact : exact8;
  return exact && (precision === 'auto' || exact.bits === 4) ? exact : minimum4;
}

/**
 * Whether the activations that a matrix reads are to be rounded to 16 bits: in the first and the last block and the
 * head, which carry the most of what rounding to 8 costs in accuracy on SmolLM2 for the time they take (docs/log.md).
 * Matrices of 8 bits are chosen for their accuracy: there, query, key and value, which carry three tenths, are too.
 */
export function isPrecise(config: Config, name: string, { bits }: Packing): boolean {
  const ends = [layerPrefix(0), layerPrefix(config.layers - 1)];
  if (name === headName(config) || ends.some((prefix) => name.startsWith(prefix))) return true;
  return bits === 8 && /self_attn\.[qkv]_proj/.test(name);
}
