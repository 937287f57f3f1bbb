import { throwIfAborted } from '../base/index.ts';
import { type Checkpoint, encodeStored, type StoredTensor, type StoredType } from '../checkpoint/index.ts';

const bytesAtOnce = 2 ** 26; // of float32 values

/**
 * A tensor's bytes in another type, in pieces of whole rows. In the type that it has, its bytes are those that are
 * stored: nothing is rounded twice. `change` may change the values of the rows from one on before they are stored.
 */
export function* bytesAs(
  checkpoint: Checkpoint,
  { name, shape, type: stored, file }: StoredTensor,
  type: StoredType,
  signal?: AbortSignal,
  change?: (values: Float32Array, from: number) => void,
): Generator<Uint8Array> {
  const where = `${file}: ${name}`;
  if (shape.length === 0) {
    yield stored === type ? checkpoint.readBytes(name) : encodeStored(type, checkpoint.readFloat32(name), where);
    return;
  }
  const [count] = shape as readonly [number];
  const rowBytes = shape.slice(1).reduce((product, size) => product * size, 4);
  const rowsAtOnce = Math.max(1, Math.floor(bytesAtOnce / rowBytes));
  for (let from = 0; from < count; from += rowsAtOnce) {
    throwIfAborted(signal);
    const rows = [from, Math.min(count, from + rowsAtOnce)] as const;
    if (stored === type && !change) {
      yield checkpoint.readBytes(name, { rows });
      continue;
    }
    const values = checkpoint.readFloat32(name, { rows });
    change?.(values, from);
    yield encodeStored(type, values, where);
  }
}
