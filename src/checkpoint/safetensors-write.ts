import { join } from 'node:path';
import { CriaError, writeFileAtomically } from '../base/index.ts';
import { elementBytes } from './plain.ts';
import { elementCount, placeOf } from './safetensors-header.ts';
import type { PlainType } from './types.ts';

/** A tensor to be written: its size follows from shape and type, its bytes are asked for when their turn comes. */
export interface TensorToWrite {
  readonly name: string;
  /** Row-major, outermost first. */
  readonly shape: readonly number[];
  readonly type: PlainType;
  /** The little-endian elements, whole or in pieces. */
  readonly bytes: () => Uint8Array | Iterable<Uint8Array>;
}

const longestWrite = 2 ** 30; // write(2) moves less than 2 GiB at once
const usualShardBytes = 5_000_000_000; // transformers' long-time default, "5GB"

/**
 * Writes a safetensors file, whole or not at all, holding one tensor's bytes at a time. Wider element types
 * come first, so that every tensor is aligned to its element size without holes, as the reference writer does.
 * `metadata` says by default what transformers asks for.
 * @throws CriaError when names repeat or a tensor's bytes do not fit its shape.
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): Promise<void> {
  const ordered = [...tensors].sort((a, b) => elementBytes[b.type] - elementBytes[a.type]);
  const header = headerBytes(path, ordered, metadata);
  await writeFileAtomically(path, async (append) => {
    await append(header);
    for (const tensor of ordered) {
      let written = 0;
      for (const piece of piecesOf(tensor)) {
        await append(piece);
        written += piece.length;
      }
      if (written !== sizeOf(path, tensor)) {
        const what = `${written} bytes were given, but its shape takes ${sizeOf(path, tensor)}`;
        throw new CriaError(what, { where: placeOf(path, tensor.name), kind: 'failure' });
      }
    }
  });
}

/**
 * Writes tensors into `folder` as transformers does: `model.safetensors`, or, where they are more than
 * `maxShardBytes`, shards `model-00001-of-0000N.safetensors` in the given order and their index.
 */
export async function writeSharded(
  folder: string,
  tensors: Iterable<TensorToWrite>,
  maxShardBytes: number = usualShardBytes,
): Promise<void> {
  const shards = shardsOf(folder, tensors, maxShardBytes);
  if (shards.length <= 1) return writeSafetensors(join(folder, 'model.safetensors'), shards[0] ?? []);

  const nameOf = (shard: number) => `model-${fiveDigits(shard + 1)}-of-${fiveDigits(shards.length)}.safetensors`;
  for (const [i, shard] of shards.entries()) await writeSafetensors(join(folder, nameOf(i)), shard);
  const places = shards.flatMap((shard, i) => shard.map(({ name }): [string, string] => [name, nameOf(i)]));
  refuseRepeats(
    folder,
    places.map(([name]) => name),
  );
  const total_size = shards.flat().reduce((sum, tensor) => sum + sizeOf(folder, tensor), 0);
  const weight_map = Object.fromEntries(places.sort(([a], [b]) => (a < b ? -1 : 1)));
  const index = `${JSON.stringify({ metadata: { total_size }, weight_map }, null, 2)}\n`;
  await writeFileAtomically(join(folder, 'model.safetensors.index.json'), (append) =>
    append(new TextEncoder().encode(index)),
  );
}

function headerBytes(path: string, tensors: readonly TensorToWrite[], metadata: Readonly<Record<string, string>>) {
  refuseRepeats(path, ['__metadata__', ...tensors.map(({ name }) => name)]);
  let end = 0;
  const entries = tensors.map((tensor) => {
    const begin = end;
    end += sizeOf(path, tensor);
    return [tensor.name, { dtype: tensor.type, shape: tensor.shape, data_offsets: [begin, end] }];
  });
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries([['__metadata__', metadata], ...entries])));
  const bytes = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20, 8); // padded with spaces
  new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 8), true);
  bytes.set(json, 8);
  return bytes;
}

function refuseRepeats(path: string, names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw new CriaError('would be written twice', { where: placeOf(path, name), kind: 'failure' });
    seen.add(name);
  }
}

function sizeOf(path: string, tensor: TensorToWrite): number {
  return elementCount(tensor.shape, placeOf(path, tensor.name)) * elementBytes[tensor.type];
}

function* piecesOf(tensor: TensorToWrite): Generator<Uint8Array> {
  const given = tensor.bytes();
  for (const bytes of given instanceof Uint8Array ? [given] : given) {
    for (let at = 0; at < bytes.length; at += longestWrite) yield bytes.subarray(at, at + longestWrite);
  }
}

/** Fills shards in order; a tensor that is larger than a shard gets its own, before the one being filled. */
function shardsOf(folder: string, tensors: Iterable<TensorToWrite>, maxShardBytes: number): TensorToWrite[][] {
  const shards: TensorToWrite[][] = [];
  let filling: TensorToWrite[] = [];
  let filled = 0;
  for (const tensor of tensors) {
    const bytes = sizeOf(folder, tensor);
    if (bytes > maxShardBytes) {
      shards.push([tensor]);
      continue;
    }
    if (filled + bytes > maxShardBytes) {
      shards.push(filling);
      filling = [];
      filled = 0;
    }
    filling.push(tensor);
    filled += bytes;
  }
  return filling.length ? [...shards, filling] : shards;
}

function fiveDigits(number: number): string {
  return String(number).padStart(5, '0');
}
