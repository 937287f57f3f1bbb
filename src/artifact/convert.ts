import { type Progress, refuseExisting, silent, type Watch } from '../base/index.ts';
import type { Checkpoint, PlainType, StoredTensor, StoredType } from '../checkpoint/index.ts';
import { ggufType, isFloat, safetensorsType } from './dtypes.ts';
import { writeModelFolder } from './folder.ts';
import { writeGgufModel } from './gguf.ts';
import type { Provenance } from './provenance.ts';
import { isWeight, tokenizerOf } from './source.ts';
import { bytesAs } from './tensors.ts';

export interface Conversion extends Watch {
  readonly to: 'safetensors' | 'gguf';
  /** The type of the weights; the source's when it is not given. */
  readonly type?: StoredType;
  /** Replace what stands at the output. */
  readonly force?: boolean;
  readonly provenance: Provenance;
}

/**
 * Writes a checkpoint in another format or type, one tensor at a time; returns the bytes of what was written.
 * Tensors that keep their type keep their bytes.
 * @throws CriaError when the format cannot hold the type or the model, or the output cannot be written.
 */
export async function convert(checkpoint: Checkpoint, path: string, conversion: Conversion): Promise<number> {
  const { to, type, force = false, provenance, progress = silent, signal } = conversion;
  refuseExisting(path, force);
  const carriesTokenizer = to === 'gguf' && checkpoint.format === 'gguf';
  const tokenizer = carriesTokenizer ? undefined : tokenizerOf(checkpoint, progress);
  const total = [...checkpoint.tensors.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  const pieces = function* (tensor: StoredTensor, as: StoredType): Generator<Uint8Array> {
    progress.step('converting', done, total, 'bytes');
    yield* bytesAs(checkpoint, tensor, as, signal);
    done += tensor.bytes;
    progress.step('converting', done, total, 'bytes');
  };
  const all = [...checkpoint.tensors.values()];

  if (to === 'safetensors') {
    const float = safetensorsType(checkpoint, type);
    const tensors = all.map((tensor) => {
      const as = isWeight(tensor.type) ? float : (tensor.type as PlainType);
      return { name: tensor.name, shape: tensor.shape, type: as, bytes: () => pieces(tensor, as) };
    });
    const { config, generation } = checkpoint;
    return writeModelFolder(path, { config, generation, tensors, type: float, tokenizer, provenance }, force);
  }

  const head = checkpoint.tensors.has('lm_head.weight') ? 'lm_head.weight' : 'model.embed_tokens.weight';
  const tensors = all.map((tensor) => {
    const { name, shape } = tensor;
    const as = ggufType({ shape, stored: tensor.type, isHead: name === head }, type);
    return { name, shape, type: as, bytes: () => whole(pieces(tensor, as)) };
  });
  sayWhatIsLost(all, tensors, type, progress);
  return writeGgufModel(path, checkpoint, tensors, tokenizer, force);
}

function sayWhatIsLost(
  sources: readonly StoredTensor[],
  targets: readonly { readonly name: string; readonly shape: readonly number[]; readonly type: StoredType }[],
  wanted: StoredType | undefined,
  progress: Progress,
): void {
  const kept = targets.filter(({ shape, type }) => wanted && shape.length > 1 && type !== wanted);
  if (kept.length > 0) {
    const types = [...new Set(kept.map(({ type }) => type.toLowerCase()))].join(' and ');
    progress.note(`${kept.length} of ${targets.length} tensors are stored as ${types}, not ${wanted?.toLowerCase()}.`);
  }
  const again = sources.filter(({ type }, i) => !isFloat(type) && isQuantizedAnew(type, targets[i]?.type));
  if (again.length > 0) {
    const types = [...new Set(again.map(({ type }) => type.toLowerCase()))].join(' and ');
    progress.note(
      `${again.length} tensors of ${types} are quantized a second time: convert from a float checkpoint for better quality.`,
    );
  }
}

function isQuantizedAnew(from: StoredType, to: StoredType | undefined): boolean {
  return to !== undefined && to !== from && !isFloat(to);
}

/** Pieces as one array. */
function whole(pieces: Iterable<Uint8Array>): Uint8Array {
  const list = [...pieces];
  return list.length === 1 ? (list[0] as Uint8Array) : Buffer.concat(list);
}
