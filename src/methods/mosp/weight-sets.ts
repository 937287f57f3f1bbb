import { CriaError } from '../../base/index.ts';
import {
  decodeStored,
  encodeStored,
  type PlainType,
  type SafetensorsFile,
  type TensorToWrite,
} from '../../checkpoint/index.ts';
import { countKept, type Mask, packBits, support, unpackBits } from '../../linalg/index.ts';
import type { WeightSets } from './preference.ts';
import type { Floats } from './problem.ts';

/** A matrix that has been pruned, under its name in the checkpoint. Values are those of its stored type. */
export interface PrunedMatrix extends WeightSets {
  readonly name: string;
  readonly type: PlainType;
  /** Points refined on their own support, by id: they cannot be made of the other sets. */
  readonly polished?: ReadonlyMap<string, Floats>;
}

/** Rounds to the values that a stored type has: what is evaluated and merged is what is written. */
export function roundedTo(type: PlainType, weights: Floats, where: string): Floats {
  if (type === 'F32') return weights;
  const data = new Float32Array(weights.data.length);
  decodeStored(type, encodeStored(type, weights.data, where), data);
  return { ...weights, data };
}

/** The tensors that hold a pruned matrix: masks in bits, the values that are not zero, the core, and the scales. */
export function tensorsOf(matrix: PrunedMatrix, objectives: readonly string[]): TensorToWrite[] {
  const { name, type, shared, own, core, scale, polished = new Map<string, Floats>() } = matrix;
  const bits = (key: string, mask: Mask): TensorToWrite => {
    const packed = packBits(mask);
    return { name: `${name}:${key}`, shape: [packed.length], type: 'U8', bytes: () => packed };
  };
  const set = (key: string, { data }: Floats): TensorToWrite[] => {
    const mask = support(data);
    const values = new Float32Array(countKept(mask));
    for (let i = 0, at = 0; i < mask.length; i++) if (mask[i] !== 0) values[at++] = data[i] as number;
    const bytes = () => encodeStored(type, values, name);
    return [bits(`${key}:mask`, mask), { name: `${name}:${key}:values`, shape: [values.length], type, bytes }];
  };
  return [
    { name: `${name}:scale`, shape: [scale.length], type: 'F32', bytes: () => encodeStored('F32', scale) },
    bits('core', core),
    ...set('shared', shared),
    ...own.flatMap((weights, i) => set(`own:${objectives[i]}`, weights)),
    ...[...polished].flatMap(([id, weights]) => set(`point:${id}`, weights)),
  ];
}

/** Reads a pruned matrix of [rows, columns] back. @throws CriaError when the file does not hold it, whole. */
export function readMatrix(
  file: SafetensorsFile,
  name: string,
  [rows, columns]: readonly [number, number],
  objectives: readonly string[],
): PrunedMatrix {
  const count = rows * columns;
  const unsound = (key: string) =>
    new CriaError('does not fit its matrix', {
      where: `${file.path}: ${name}:${key}`,
      remedy: 'write the bundle anew',
    });
  const bits = (key: string): Mask => {
    if (file.tensors.get(`${name}:${key}`)?.shape[0] !== Math.ceil(count / 8)) throw unsound(key);
    return unpackBits(file.readBytes(`${name}:${key}`), count);
  };
  const set = (key: string): Floats => {
    const mask = bits(`${key}:mask`);
    const values = file.readFloat32(`${name}:${key}:values`);
    if (values.length !== countKept(mask)) throw unsound(key);
    const data = new Float32Array(count);
    for (let i = 0, at = 0; i < count; i++) if (mask[i] !== 0) data[i] = values[at++] as number;
    return { rows, columns, data };
  };
  const scale = file.readFloat32(`${name}:scale`);
  if (scale.length !== columns) throw unsound('scale');
  const type = file.tensors.get(`${name}:shared:values`)?.type as PlainType;
  const own = objectives.map((objective) => set(`own:${objective}`));
  const prefix = `${name}:point:`;
  const points = [...file.tensors.keys()].flatMap((key) =>
    key.startsWith(prefix) && key.endsWith(':mask') ? [key.slice(prefix.length, -':mask'.length)] : [],
  );
  const polished = new Map(points.map((id) => [id, set(`point:${id}`)]));
  return { name, type, shared: set('shared'), own, core: bits('core'), scale, polished };
}
