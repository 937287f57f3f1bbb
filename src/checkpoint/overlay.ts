import { CriaError } from '../base/index.ts';
import { tensorNamed } from './safetensors.ts';
import type { Checkpoint, StoredTensor } from './types.ts';

/** A tensor in place of a stored one: float32 values that are computed when they are read. */
export interface Replacement {
  readonly shape: readonly number[];
  /** Row-major values, computed anew at each call. The caller does not change them. */
  read(): Float32Array;
}

export interface Overlay {
  /** Keys in place of those of the configuration; undefined removes one. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Tensors by name: a replacement, or the name of the stored tensor that takes the place. Others stay. */
  readonly tensors?: ReadonlyMap<string, Replacement | string>;
  /** Names of tensors that are gone. */
  readonly without?: Iterable<string>;
}

/**
 * A checkpoint that differs from its file in some tensors or in its configuration. Nothing is copied or written: it runs as any
 * other, and can be written as one. Closing it closes the checkpoint below.
 * @throws CriaError when a replacement takes the place of a name that the checkpoint lacks.
 */
export function overlaid(
  checkpoint: Checkpoint,
  { config = {}, tensors = new Map(), without = [] }: Overlay,
): Checkpoint {
  const gone = new Set(without);
  const stored = new Map<string, StoredTensor>();
  const sources = new Map<string, Replacement | string>();
  for (const [name, tensor] of checkpoint.tensors) if (!gone.has(name)) stored.set(name, tensor);
  for (const [name, source] of tensors) {
    const from = checkpoint.tensors.get(typeof source === 'string' ? source : name);
    if (!from && typeof source === 'string') throw missing(checkpoint, source);
    sources.set(name, source);
    stored.set(
      name,
      typeof source === 'string' ? { ...(from as StoredTensor), name } : computed(checkpoint, name, source),
    );
  }
  const merged = Object.fromEntries(
    Object.entries({ ...checkpoint.config, ...config }).filter(([, value]) => value !== undefined),
  );
  const replacementOf = (name: string): Replacement | undefined => {
    tensorNamed(stored, name, checkpoint.path);
    const source = sources.get(name);
    return typeof source === 'object' ? source : undefined;
  };
  const storedName = (name: string): string => {
    const source = sources.get(name);
    return typeof source === 'string' ? source : name;
  };
  const { quantization } = checkpoint;
  const matrices = [...stored.keys()].flatMap((name) => {
    const held = typeof sources.get(name) === 'object' ? undefined : quantization?.matrices.get(storedName(name));
    return held ? [[name, held] as const] : [];
  });
  return {
    ...checkpoint,
    config: merged,
    tensors: stored,
    ...(quantization && { quantization: { ...quantization, matrices: new Map(matrices) } }),
    readCodes: (name) => (replacementOf(name) ? undefined : checkpoint.readCodes?.(storedName(name))),
    readFloat32(name, options = {}) {
      const replacement = replacementOf(name);
      if (!replacement) return checkpoint.readFloat32(storedName(name), options);
      const values = rowsOf(replacement, name, options.rows);
      options.into?.set(values);
      return options.into ?? values;
    },
    readBytes(name, options = {}) {
      const replacement = replacementOf(name);
      if (!replacement) return checkpoint.readBytes(storedName(name), options);
      const values = rowsOf(replacement, name, options.rows);
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    },
  };
}

/** A replacement of `name` whose row i is the stored row times factors[i]. @throws CriaError when their numbers differ. */
export function scaledRows(checkpoint: Checkpoint, name: string, factors: Float32Array): Replacement {
  const { shape } = tensorNamed(checkpoint.tensors, name, checkpoint.path);
  if (shape[0] !== factors.length) {
    throw new CriaError(`${factors.length} factors for ${shape[0]} rows`, { where: name, kind: 'failure' });
  }
  return {
    shape,
    read() {
      const values = checkpoint.readFloat32(name);
      const width = values.length / factors.length;
      for (let i = 0; i < values.length; i++) {
        values[i] = (values[i] as number) * (factors[Math.floor(i / width)] as number);
      }
      return values;
    },
  };
}

function computed(checkpoint: Checkpoint, name: string, { shape }: Replacement): StoredTensor {
  const bytes = shape.reduce((product, size) => product * size, 4);
  return { name, shape, type: 'F32', file: checkpoint.path, offset: 0, bytes };
}

function rowsOf({ shape, read }: Replacement, name: string, rows: readonly [number, number] | undefined): Float32Array {
  const values = read();
  const count = shape.reduce((product, size) => product * size, 1);
  if (values.length !== count) {
    throw new CriaError(`${values.length} values for the shape [${shape.join(', ')}]`, {
      where: name,
      kind: 'failure',
    });
  }
  const width = count / (shape[0] ?? 1);
  return rows ? values.slice(rows[0] * width, rows[1] * width) : values;
}

const missing = (checkpoint: Checkpoint, name: string) =>
  new CriaError('the tensor is missing', { where: `${checkpoint.path}: ${name}`, kind: 'failure' });
