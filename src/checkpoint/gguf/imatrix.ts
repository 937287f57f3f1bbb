import { allFinite, CriaError, closing } from '../../base/index.ts';
import { float32ToPlain } from '../plain.ts';
import { openRanges, type RangeFile } from '../ranges.ts';
import type { MetadataValue } from '../types.ts';
import { architectureOfModelType, toGgufName } from './architecture.ts';
import { cursorOver } from './cursor.ts';
import { readHeader } from './header.ts';
import { writeGguf } from './write.ts';

/** Squares of the inputs of a linear map, summed over `count` positions, [inner]. */
export interface InputSquares {
  readonly sums: Float32Array;
  readonly count: number;
}

/** An importance matrix of llama.cpp. */
export interface Imatrix {
  /**
   * The mean square of each input of a linear map, by its Hugging Face name with `.weight`.
   * @throws CriaError when the file has no such map, or one of another size: it is of another model.
   */
  importance(name: string, inner: number): Float32Array;
}

const sumsEnding = '.in_sum2';

/**
 * Reads an importance matrix in GGUF or in the older format (.dat). (llama.cpp, tools/imatrix/imatrix.cpp)
 * @throws CriaError when it is neither, or damaged.
 */
export function readImatrix(path: string, modelType: unknown): Imatrix {
  const architecture = architectureOfModelType(modelType, path);
  return closing(openRanges(path), (file) => {
    const found = isGguf(file) ? fromGguf(file) : fromLegacy(file);
    return {
      importance(name, inner) {
        const own = found.get(toGgufName(architecture, name) ?? name);
        const where = `${path}: ${name}`;
        const remedy = 'it was made from another model: make one with --write-imatrix';
        if (!own) throw new CriaError('is missing from the importance matrix', { where, remedy });
        if (own.length !== inner) {
          throw new CriaError(`has ${own.length} inputs in the importance matrix and ${inner} in the model`, {
            where,
            remedy,
          });
        }
        return own;
      },
    };
  });
}

function isGguf(file: RangeFile): boolean {
  const start = new Uint8Array(4);
  if (file.size >= 4) file.read(0, start);
  return Buffer.from(start).toString('latin1') === 'GGUF';
}

/** Means of squares by GGUF's name of the weight. */
function fromGguf(file: RangeFile): Map<string, Float32Array> {
  const { tensors, values } = readHeader(file);
  const where = file.path;
  if (values.get('general.type') !== 'imatrix') {
    throw new CriaError('is a GGUF file, but not an importance matrix', {
      where,
      remedy: 'use a file of llama-imatrix',
    });
  }
  const floats = (name: string): Float32Array => {
    const tensor = tensors.get(name);
    if (tensor?.type !== 'F32') throw new CriaError(`has no ${name} in F32`, { where });
    const bytes = new Uint8Array(tensor.bytes);
    file.read(tensor.offset, bytes);
    return new Float32Array(bytes.buffer);
  };
  const weights = [...tensors.keys()].filter((name) => name.endsWith(sumsEnding));
  return new Map(
    weights.map((name) => {
      const weight = name.slice(0, -sumsEnding.length);
      const [count = 0, ...experts] = floats(`${weight}.counts`);
      const means = experts.length > 0 ? new Float32Array() : floats(name).map((sum) => sum / count);
      return [weight, checked(means, `${where}: ${weight}`)];
    }),
  );
}

/** The older format: a count, then name, calls and values of each weight. Values are means times calls. */
function fromLegacy(file: RangeFile): Map<string, Float32Array> {
  const cursor = cursorOver(file);
  const where = file.path;
  const entries = cursor.u32();
  const found = new Map<string, Float32Array>();
  if (entries < 1 || entries > mostEntries) throw notImatrix(where);
  for (let i = 0; i < entries; i++) {
    const length = cursor.u32();
    if (length < 1 || length > longestName) throw notImatrix(where);
    const name = cursor.bytes(length).toString('utf8');
    const [calls, count] = [cursor.u32(), cursor.u32()];
    const values = new Float32Array(new Uint8Array(cursor.bytes(4 * count)).buffer);
    found.set(name, checked(calls > 0 ? values.map((each) => each / calls) : values, `${where}: ${name}`));
  }
  return found;
}

const [mostEntries, longestName] = [100_000, 1000];

const notImatrix = (where: string) =>
  new CriaError('is not an importance matrix', {
    where,
    remedy: 'use a file written by llama-imatrix or --write-imatrix',
  });

function checked(means: Float32Array, where: string): Float32Array {
  if (means.length > 0 && allFinite(means) && means.every((each) => each >= 0)) return means;
  throw new CriaError('has importance values that are missing, negative or not finite', { where });
}

/**
 * Writes an importance matrix that llama.cpp reads: sums of squares by the Hugging Face name of the weight.
 * @throws CriaError when the architecture has no GGUF form or the file cannot be written.
 */
export async function writeImatrix(
  path: string,
  modelType: unknown,
  squares: ReadonlyMap<string, InputSquares>,
  { dataset, sequence, chunks }: { readonly dataset: string; readonly sequence: number; readonly chunks: number },
): Promise<void> {
  const architecture = architectureOfModelType(modelType, path);
  const tensor = (name: string, values: Float32Array) => ({
    name,
    shape: [1, values.length],
    type: 'F32' as const,
    bytes: () => float32ToPlain('F32', values),
  });
  const tensors = [...squares].flatMap(([name, { sums, count }]) => {
    const renamed = toGgufName(architecture, name) ?? name;
    return [tensor(renamed + sumsEnding, sums), tensor(`${renamed}.counts`, Float32Array.of(count))];
  });
  const metadata = new Map<string, MetadataValue>([
    ['general.type', 'imatrix'],
    ['imatrix.datasets', [dataset]],
    ['imatrix.chunk_count', chunks],
    ['imatrix.chunk_size', sequence],
  ]);
  await writeGguf(path, { metadata, tensors });
}
