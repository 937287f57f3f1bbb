import { CriaError, refuseExisting, silent, throwIfAborted, type Watch } from '../base/index.ts';
import {
  type Adapter,
  type Checkpoint,
  type LoraModule,
  type PlainType,
  type StoredTensor,
  withReplacements,
} from '../checkpoint/index.ts';
import { isFloat, mostFrequentFloat } from './dtypes.ts';
import { writeModelFolder } from './folder.ts';
import type { Provenance } from './provenance.ts';
import { isWeight, tokenizerOf } from './source.ts';
import { bytesAs } from './tensors.ts';

export interface Merging extends Watch {
  /** Replace what stands at the output. */
  readonly force?: boolean;
  /** Fill the zeros of pruned matrices. */
  readonly densify?: boolean;
  readonly provenance: Provenance;
}

const [embedding, head] = ['model.embed_tokens.weight', 'lm_head.weight'];

/**
 * Writes a model with LoRA folded into its weights, W + scale * B A, as a folder in the Hugging Face layout; returns
 * its bytes. Sums are taken in float32, some rows in memory at a time, and stored in the float type that most of
 * the model has; where that is a quantized type, as F16, which holds the scales of such types exactly. A head that
 * shares the embedding's table gets one of its own, so that the embedding stays as it is.
 * @throws CriaError when the adapter is no LoRA or not one of this model, a pruned matrix would be filled without
 * `densify`, or the output cannot be written.
 */
export async function mergeAdapter(
  base: Checkpoint,
  given: Adapter,
  path: string,
  { force = false, densify = false, provenance, progress = silent, signal }: Merging,
): Promise<number> {
  if (given.kind !== 'lora') {
    throw new CriaError(`a ${given.kind} adapter cannot be merged into weights`, {
      remedy: 'pass it with --adapter instead',
    });
  }
  refuseExisting(path, force);
  const { checkpoint, adapter } = withReplacements(base, given);
  const { config, generation, tensors } = checkpoint;
  const float = mostFrequentFloat(checkpoint) ?? 'F16';
  const adaptsHead = adapter.modules.has('lm_head');
  const sources = [...tensors.values()].map((tensor) => ({ tensor, name: tensor.name }));
  if (adaptsHead && !tensors.has(head)) sources.push({ tensor: tensors.get(embedding) as StoredTensor, name: head });
  const updates = new Map([...adapter.modules].map(([module, update]) => [`${module}.weight`, update]));
  checkModules(updates, new Map(sources.map(({ tensor, name }) => [name, tensor])));
  if (!densify) {
    const updated = sources.filter(({ name }) => updates.has(name)).map(({ tensor }) => tensor);
    refusePruned(checkpoint, updated, 'pass --densify, or serve the adapter with --adapter', signal);
  }

  const total = sources.reduce((sum, { tensor }) => sum + tensor.bytes, 0);
  let done = 0;
  const written = sources.map(({ tensor, name }) => {
    const type = isWeight(tensor.type) ? float : (tensor.type as PlainType);
    const update = updates.get(name);
    const bytes = function* (): Generator<Uint8Array> {
      progress.step('merging', done, total, 'bytes');
      yield* bytesAs(
        checkpoint,
        tensor,
        type,
        signal,
        update && ((rows, from) => addProduct(rows, from, update, signal)),
      );
      done += tensor.bytes;
      progress.step('merging', done, total, 'bytes');
    };
    return { name, shape: tensor.shape, type, bytes };
  });
  const own = adaptsHead ? { ...config, tie_word_embeddings: false } : config;
  const tokenizer = tokenizerOf(checkpoint, progress);
  return writeModelFolder(
    path,
    { config: own, generation, tensors: written, type: float, tokenizer, provenance },
    force,
  );
}

/** @throws CriaError when a weight that is updated is not there or has another shape. */
function checkModules(updates: ReadonlyMap<string, LoraModule>, sources: ReadonlyMap<string, StoredTensor>): void {
  for (const [name, { out, inner }] of updates) {
    const shape = sources.get(name)?.shape;
    if (String(shape) === String([out, inner])) continue;
    const what = shape
      ? `has the shape [${shape.join(', ')}], but its update [${out}, ${inner}]`
      : 'is not in the model';
    throw new CriaError(what, { where: name, remedy: 'use the base model that the adapter was trained on' });
  }
}

const prunedFrom = 0.01; // of a matrix: in dense ones a few entries round to zero

/**
 * Called before LoRA is folded into matrices. @throws CriaError when so many entries of one of floats are zero that it has
 * been pruned.
 */
export function refusePruned(
  checkpoint: Checkpoint,
  matrices: Iterable<StoredTensor>,
  remedy: string,
  signal?: AbortSignal,
): void {
  for (const tensor of matrices) {
    if (!isFloat(tensor.type)) continue; // blocks round much to zero
    let zeros = 0;
    const count = (values: Float32Array) => {
      for (const x of values) if (x === 0) zeros++;
    };
    for (const _ of bytesAs(checkpoint, tensor, tensor.type, signal, count));
    const share = zeros / tensor.shape.reduce((product, size) => product * size, 1);
    if (share < prunedFrom) continue;
    const what = `${Math.round(100 * share)}% of its entries are zero, and merging would fill them`;
    throw new CriaError(what, { where: tensor.name, remedy });
  }
}

/** Adds scale * B A to rows of a weight that begin at row `from`. */
function addProduct(
  values: Float32Array,
  from: number,
  { rank, scale, inner, a, b }: LoraModule,
  signal: AbortSignal | undefined,
): void {
  const sum = new Float64Array(inner); // rounded to float32 once
  for (let row = 0; row < values.length / inner; row++) {
    throwIfAborted(signal);
    const into = values.subarray(row * inner, (row + 1) * inner);
    sum.set(into);
    for (let r = 0; r < rank; r++) {
      const factor = scale * (b[(from + row) * rank + r] as number);
      const line = a.subarray(r * inner, (r + 1) * inner);
      for (let i = 0; i < inner; i++) sum[i] = (sum[i] as number) + factor * (line[i] as number);
    }
    into.set(sum);
  }
}
