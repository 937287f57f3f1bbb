import { allFinite, CriaError } from '../../base/index.ts';
import { placeOf } from '../safetensors-header.ts';
import type { Checkpoint, HeldMatrix, StoredTensor } from '../types.ts';
import type { Codes } from './types.ts';

/** The tensors of a folder as they are stored, before a container gives them the names of weights. */
export type StoredTensors = Pick<Checkpoint, 'path' | 'tensors' | 'readFloat32' | 'readBytes'>;

/** A quantized linear map as a container tells it, before its codes are read. */
export interface ContainedMatrix extends Omit<HeldMatrix, 'bytes'> {
  /** Of the weight, with `.weight`. */
  readonly name: string;
  readonly out: number;
  readonly inner: number;
  /** The tensor whose file and place stand for the weight in messages. */
  readonly at: StoredTensor;
  /** Names of the tensors that it is read from: they are not shown besides. */
  readonly parts: readonly string[];
  read(): Codes;
}

/** A container as it is opened: its name, and its matrices. */
export interface Container {
  readonly name: string;
  readonly matrices: readonly ContainedMatrix[];
}

/** @throws CriaError when a tensor is not there or has another shape (null: any size) or type. */
export function expectTensor(
  { tensors, path }: StoredTensors,
  name: string,
  shape: readonly (number | null)[],
  types: readonly StoredTensor['type'][],
): StoredTensor {
  const tensor = tensors.get(name);
  const where = placeOf(path, name);
  if (!tensor) throw new CriaError('is missing', { where, remedy: 'is the download complete?' });
  const fits =
    tensor.shape.length === shape.length && shape.every((size, i) => size === null || size === tensor.shape[i]);
  if (!fits || !types.includes(tensor.type)) {
    const [has, wanted] = [tensor.shape, shape.map((size) => size ?? 'any')].map((each) => each.join(', '));
    const what = `is ${tensor.type} [${has}] where the format requires ${types.join(' or ')} [${wanted}]`;
    throw new CriaError(what, { where });
  }
  return tensor;
}

/** Little-endian 32-bit words of a tensor. */
export function words(source: StoredTensors, name: string): Uint32Array {
  const bytes = source.readBytes(name).slice(); // aligned
  return new Uint32Array(bytes.buffer, 0, bytes.length / 4);
}

/** @throws CriaError when scales are not finite. */
export function finiteScales(source: StoredTensors, name: string): Float32Array {
  const scales = source.readFloat32(name);
  if (allFinite(scales)) return scales;
  throw new CriaError('has NaN or Inf among its scales', { where: placeOf(source.path, name) });
}

/** A setting of a container that is one of a few values. @throws CriaError when it is another. */
export function oneOf<T>(value: unknown, known: readonly T[], key: string, where: string): T {
  const found = known.find((each) => each === value);
  if (found !== undefined) return found;
  const what = `config.json: quantization_config.${key} is ${JSON.stringify(value ?? null)}`;
  throw new CriaError(what, { where, remedy: `cria reads ${known.map((each) => JSON.stringify(each)).join(', ')}` });
}

/** The size of a group: -1 stands for all inputs of a row. @throws CriaError when it does not divide them. */
export function groupOfSize(size: unknown, inner: number, where: string): number {
  const group = size === -1 || size === null || size === undefined ? inner : size;
  if (typeof group === 'number' && Number.isInteger(group) && group > 0 && inner % group === 0) return group;
  throw new CriaError(`its ${inner} inputs are not a multiple of the group size ${JSON.stringify(size)}`, { where });
}
