import { allFinite, CriaError } from '../../base/index.ts';
import { elementBytes, type FloatType, float32ToPlain, isPlainType, plainToFloat32 } from '../plain.ts';
import type { StoredType } from '../types.ts';
import { blocks } from './table.ts';

/** How a type packs: `elements` consecutive values of a row in `bytes` bytes; one element where it is plain. */
export function packingOf(type: StoredType): { readonly elements: number; readonly bytes: number } {
  return isPlainType(type) ? { elements: 1, bytes: elementBytes[type] } : blocks[type];
}

/**
 * The type that holds rows of `width` values where `type` is wanted: Q8_0 where they are no whole blocks of 256, F16
 * where they are no whole blocks of 32.
 */
export function typeForRows(type: StoredType, width: number): StoredType {
  const { elements } = packingOf(type);
  if (width % elements === 0) return type;
  return width % blocks.Q8_0.elements === 0 ? 'Q8_0' : 'F16';
}

/** Float32 values of stored bytes: `into` has one place for each of their elements. */
export function decodeStored(type: StoredType, bytes: Uint8Array, into: Float32Array): void {
  if (isPlainType(type)) plainToFloat32(type, bytes, into);
  else blocks[type].dequantize(bytes, into);
}

/**
 * Float32 values as bytes of `type`: rounded to the nearest, or by ggml's reference quantizer; with the `importance` of the
 * columns of a row by the weighted one, where the type has one.
 * @throws CriaError, about `where`, when cria does not write the type, the values are not whole blocks, or the type
 * does not hold one of them.
 */
export function encodeStored(
  type: StoredType,
  values: Float32Array,
  where?: string,
  importance?: Float32Array,
): Uint8Array {
  if (!allFinite(values)) throw new CriaError('holds NaN or Inf', { where });
  if (isPlainType(type)) {
    if (!isFloatType(type)) throw new CriaError(`weights cannot be stored as ${type}`, { where, remedy: remedy() });
    const bytes = float32ToPlain(type, values);
    if (type === 'F16' && values.some((x) => Math.abs(x) >= beyondHalf)) {
      throw new CriaError('holds values out of range for F16', { where, remedy: 'choose F32 or BF16' });
    }
    return bytes;
  }
  const { elements, bytes, quantize } = blocks[type];
  if (!quantize) throw new CriaError(`${type} can be read but not written`, { where, remedy: remedy() });
  if (values.length % elements !== 0) {
    throw new CriaError(`${values.length} values are not a multiple of the ${type} block size ${elements}`, {
      where,
      remedy: remedy(),
    });
  }
  const into = new Uint8Array((values.length / elements) * bytes);
  quantize(values, into, importance);
  return into;
}

const beyondHalf = 65_520; // rounds to infinity

/** The types that `encodeStored` takes. */
const encodableTypes: readonly StoredType[] = [
  'F32',
  'F16',
  'BF16',
  ...(Object.keys(blocks) as (keyof typeof blocks)[]).filter((type) => blocks[type].quantize),
];

function isFloatType(type: StoredType): type is FloatType {
  return type === 'F32' || type === 'F16' || type === 'BF16';
}

function remedy(): string {
  return `choose one of ${encodableTypes.join(', ')}`;
}
