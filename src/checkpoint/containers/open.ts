import { CriaError } from '../../base/index.ts';
import { isObject } from '../json.ts';
import { float32ToPlain } from '../plain.ts';
import type { Checkpoint, StoredTensor } from '../types.ts';
import { openAwq } from './awq.ts';
import { openBitsandbytes } from './bitsandbytes.ts';
import { openCompressedTensors } from './compressed-tensors.ts';
import { openGptq } from './gptq.ts';
import type { ContainedMatrix, Container, StoredTensors } from './source.ts';
import type { Codes } from './types.ts';
import { valuesOf } from './values.ts';

type OpenContainer = (source: StoredTensors, settings: Readonly<Record<string, unknown>>) => Container;

const containers: Readonly<Record<string, OpenContainer>> = {
  gptq: openGptq,
  awq: openAwq,
  'compressed-tensors': openCompressedTensors,
  bitsandbytes: openBitsandbytes,
};

/**
 * A folder whose linear maps are quantized, as the weights that it stands for: each is a tensor of float32 values under its
 * own name, with its codes besides. Folders without quantization_config are what they are.
 * @throws CriaError when the container is not known or not sound.
 */
export function withoutContainer(folder: Checkpoint): Checkpoint {
  const { quantization_config: settings, ...config } = folder.config;
  if (settings === undefined || settings === null) return folder;
  const where = folder.path;
  if (!isObject(settings)) throw new CriaError('config.json: quantization_config is not an object', { where });
  const open = containers[String(settings.quant_method)];
  if (!open) return folder; // it can be inspected; what would run it refuses
  const container = open(folder, settings);
  if (container.matrices.length === 0) {
    throw new CriaError(`config.json declares ${container.name}, but no weight is quantized`, { where });
  }
  return opened(folder, config, container);
}

function opened(
  folder: Checkpoint,
  config: Readonly<Record<string, unknown>>,
  { name: container, matrices }: Container,
): Checkpoint {
  const byName = new Map(matrices.map((matrix) => [matrix.name, matrix]));
  const parts = new Set(matrices.flatMap((matrix) => matrix.parts));
  const plain = [...folder.tensors.values()].filter(({ name }) => !parts.has(name));
  const stored = (names: readonly string[]) =>
    names.reduce((sum, name) => sum + (folder.tensors.get(name)?.bytes ?? 0), 0);
  const weights = matrices.map(({ name, out, inner, at }): StoredTensor => {
    const { file, offset } = at;
    return { name, shape: [out, inner], type: 'F32', file, offset, bytes: out * inner * 4 };
  });
  let last: { readonly name: string; readonly codes: Codes; values?: Float32Array } | undefined;
  const held = (name: string, matrix: ContainedMatrix) => {
    if (last?.name !== name) last = { name, codes: matrix.read() };
    return last;
  };
  const values = (name: string, matrix: ContainedMatrix, rows: readonly [number, number] | undefined) => {
    const own = held(name, matrix);
    own.values ??= valuesOf(own.codes);
    const [from, to] = rows ?? [0, matrix.out];
    if (!(Number.isInteger(from) && Number.isInteger(to) && 0 <= from && from <= to && to <= matrix.out)) {
      throw new CriaError(`rows ${from} to ${to} are out of range: it has ${matrix.out}`, {
        where: `${folder.path}: ${name}`,
      });
    }
    return own.values.subarray(from * matrix.inner, to * matrix.inner);
  };
  return {
    ...folder,
    config,
    quantization: {
      scheme: `${container}, ${[...new Set(matrices.map(({ bits }) => bits))].join(' and ')} bits`,
      container,
      matrices: new Map(
        matrices.map(({ name, bits, group, grid, parts }) => [name, { bits, group, grid, bytes: stored(parts) }]),
      ),
    },
    tensors: new Map([...plain, ...weights].map((tensor) => [tensor.name, tensor])),
    readCodes(name) {
      const matrix = byName.get(name);
      return matrix && held(name, matrix).codes;
    },
    readFloat32(name, options = {}) {
      const matrix = byName.get(name);
      if (!matrix) return folder.readFloat32(name, options);
      const found = values(name, matrix, options.rows);
      if (!options.into) return found.slice();
      options.into.set(found);
      return options.into;
    },
    readBytes(name, options = {}) {
      const matrix = byName.get(name);
      return matrix ? float32ToPlain('F32', values(name, matrix, options.rows)) : folder.readBytes(name, options);
    },
  };
}
