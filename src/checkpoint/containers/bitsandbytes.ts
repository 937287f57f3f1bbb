import { CriaError } from '../../base/index.ts';
import { parseJson } from '../json.ts';
import { float32ToPlain } from '../plain.ts';
import type { TensorToWrite } from '../safetensors-write.ts';
import { decodedAbsmax, dynamicCode, nestedBlock, nf4Levels } from './nf4.ts';
import { type Container, expectTensor, finiteScales, oneOf, type StoredTensors } from './source.ts';
import type { Nf4Codes } from './types.ts';

const stateName = 'quant_state.bitsandbytes__nf4';

/**
 * bitsandbytes' NF4: two codes a byte, the first in the high half, in `weight` [n / 2, 1]; block scales in `weight.absmax`,
 * as 8-bit codes where they are nested; sizes as JSON in a tensor. (bitsandbytes, functional.py, QuantState.as_dict)
 */
export function openBitsandbytes(source: StoredTensors, settings: Readonly<Record<string, unknown>>): Container {
  const { path, tensors } = source;
  if (settings.load_in_8bit === true || settings._load_in_8bit === true) {
    throw new CriaError('8-bit weights of bitsandbytes are not supported', {
      where: path,
      remedy: 'use a checkpoint in 4 bits (nf4), GPTQ, AWQ or GGUF',
    });
  }
  oneOf(settings.bnb_4bit_quant_type, ['nf4'], 'bnb_4bit_quant_type', path);
  const states = [...tensors.keys()].filter((name) => name.endsWith(`.${stateName}`));
  const matrices = states.map((name) => {
    const weight = name.slice(0, -(stateName.length + 1));
    const state = stateOf(source, name);
    const { out, inner, block, offset } = state;
    const at = expectTensor(source, weight, [Math.ceil((out * inner) / 2), 1], ['U8']);
    const blocks = Math.ceil((out * inner) / block);
    const nested = offset !== undefined;
    expectTensor(source, `${weight}.absmax`, [blocks], nested ? ['U8'] : ['F32']);
    if (nested) expectTensor(source, `${weight}.nested_absmax`, [Math.ceil(blocks / nestedBlock)], ['F32']);
    checkLevels(source, `${weight}.quant_map`, nf4Levels);
    if (nested) checkLevels(source, `${weight}.nested_quant_map`, dynamicCode);
    const extra = nested ? ['nested_absmax', 'nested_quant_map'] : [];
    const parts = [weight, ...['absmax', 'quant_map', stateName, ...extra].map((part) => `${weight}.${part}`)];
    const read = (): Nf4Codes => {
      const codes = unpack(source.readBytes(weight), out * inner);
      if (offset === undefined) {
        return { kind: 'nf4', out, inner, block, codes, absmax: finiteScales(source, `${weight}.absmax`) };
      }
      const inside = {
        codes: source.readBytes(`${weight}.absmax`),
        absmax: finiteScales(source, `${weight}.nested_absmax`),
        offset,
      };
      const absmax = decodedAbsmax(inside.codes, inside.absmax, offset);
      return { kind: 'nf4', out, inner, block, codes, absmax, nested: inside };
    };
    return { name: weight, out, inner, at, parts, bits: 4 as const, group: block, read };
  });
  return { name: 'nf4', matrices };
}

/** What the JSON of a matrix says. @throws CriaError when it is not sound. */
function stateOf(source: StoredTensors, name: string) {
  const where = `${source.path}: ${name}`;
  expectTensor(source, name, [null], ['U8']);
  const state = parseJson(source.readBytes(name), where) as Record<string, unknown>;
  const { quant_type, blocksize, shape, nested_offset } = state;
  const sizes =
    Array.isArray(shape) && shape.length === 2 && shape.every((size) => Number.isSafeInteger(size) && size > 0);
  const isBlock = Number.isSafeInteger(blocksize) && (blocksize as number) >= 32;
  const isOffset = nested_offset === undefined || Number.isFinite(nested_offset);
  const isNested = nested_offset === undefined || (state.nested_blocksize ?? nestedBlock) === nestedBlock;
  if (quant_type !== 'nf4' || !sizes || !isBlock || !isOffset || !isNested) {
    throw new CriaError('its quantization state is invalid', { where });
  }
  const [out, inner] = shape as unknown as readonly [number, number];
  return { out, inner, block: blocksize as number, offset: nested_offset as number | undefined };
}

/** @throws CriaError when a table of levels is another than the known one. */
function checkLevels(source: StoredTensors, name: string, known: Float32Array): void {
  expectTensor(source, name, [known.length], ['F32']);
  const levels = source.readFloat32(name);
  if (known.every((level, i) => Math.abs(level - (levels[i] as number)) < 1e-6)) return;
  throw new CriaError('holds other quantization levels than bitsandbytes uses', { where: `${source.path}: ${name}` });
}

/** The tensors of a matrix in bitsandbytes' container; `dtype` is what it is decoded to. */
export function packNf4(weight: string, held: Nf4Codes, dtype: string): TensorToWrite[] {
  const { codes, absmax, block, nested, out, inner } = held;
  const floats = (name: string, values: Float32Array): TensorToWrite => ({
    name: `${weight}.${name}`,
    shape: [values.length],
    type: 'F32',
    bytes: () => float32ToPlain('F32', values),
  });
  const bytes = (name: string, values: Uint8Array): TensorToWrite => ({
    name: `${weight}.${name}`,
    shape: [values.length],
    type: 'U8',
    bytes: () => values,
  });
  const state = {
    quant_type: 'nf4',
    blocksize: block,
    dtype,
    shape: [out, inner],
    ...(nested && { nested_blocksize: nestedBlock, nested_dtype: 'float32', nested_offset: nested.offset }),
  };
  return [
    { name: weight, shape: [Math.ceil(codes.length / 2), 1], type: 'U8', bytes: () => pack(codes) },
    floats('quant_map', nf4Levels),
    bytes(stateName, new TextEncoder().encode(JSON.stringify(state))),
    ...(nested
      ? [bytes('absmax', nested.codes), floats('nested_absmax', nested.absmax), floats('nested_quant_map', dynamicCode)]
      : [floats('absmax', absmax)]),
  ];
}

function pack(codes: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: Math.ceil(codes.length / 2) }, (_, i) => {
    return ((codes[2 * i] as number) << 4) | (codes[2 * i + 1] ?? 0);
  });
}

function unpack(bytes: Uint8Array, count: number): Uint8Array {
  const codes = new Uint8Array(count);
  for (let i = 0; i < count; i++)
    codes[i] = i % 2 === 0 ? (bytes[i >> 1] as number) >> 4 : (bytes[i >> 1] as number) & 15;
  return codes;
}
