import { throwIfAborted } from '../../base/index.ts';
import { keepInBlocks, keepLargest, type Mask, transposed } from '../../linalg/index.ts';
import type { LayerEngine } from './engine.ts';
import type { Sparsity } from './pattern.ts';
import { type Floats, meanDiagonal, plusDiagonal } from './problem.ts';

const blockInputs = 128;
const damping = 0.01; // of the mean diagonal: both as in the authors' code

export interface SparseGptOptions {
  /** The entries that may be kept. */
  readonly among?: Mask;
  readonly signal?: AbortSignal;
}

/**
 * Prunes blocks of 128 inputs in their order, each by |W| / U_jj over all outputs (N:M: group by group), and makes up for
 * every pruned entry in the inputs that follow. (Frantar and Alistarh 2023, SparseGPT, algorithm 1)
 * @throws NotPositiveDefinite when the second moment is not positive definite with a hundredth of its mean diagonal added.
 */
export async function pruneBySparseGpt(
  engine: LayerEngine,
  dense: Floats,
  moment: Floats,
  sparsity: Sparsity,
  { among, signal }: SparseGptOptions = {},
): Promise<Floats> {
  const { rows: outputs, columns: inputs } = dense;
  const factor = await engine.inverseFactor(plusDiagonal(moment, damping * meanDiagonal(moment)));
  const weights = transposed(dense); // an input's weights are a row, and a block's rows stand together
  const may = among && turned(among, outputs, inputs);
  let kept = 0;
  for (let from = 0; from < inputs; from += blockInputs) {
    throwIfAborted(signal);
    const to = Math.min(from + blockInputs, inputs);
    const block = weights.data.subarray(from * outputs, to * outputs);
    const diagonal = Float32Array.from(
      { length: to - from },
      (_, i) => factor.data[(from + i) * (inputs + 1)] as number,
    );
    const allowed = may?.subarray(from * outputs, to * outputs);
    let keeps: Mask | undefined;
    if (sparsity.kind === 'unstructured') {
      const most = Math.round((1 - sparsity.share) * outputs * to) - kept;
      kept += most;
      keeps = keepLargest(scoresOf(block, diagonal, outputs), most, allowed);
    }
    const errors = new Float32Array(block.length);
    for (let i = 0; i < to - from; i++) {
      if (sparsity.kind === 'n:m' && i % sparsity.m === 0) {
        const group = [i * outputs, (i + sparsity.m) * outputs] as const;
        const scores = scoresOf(block.subarray(...group), diagonal.subarray(i, i + sparsity.m), outputs);
        keeps ??= new Uint8Array(block.length);
        keeps.set(keepAcross(scores, outputs, sparsity, allowed?.subarray(...group)), group[0]);
      }
      const updates = factor.data.subarray((from + i) * inputs + from + i, (from + i) * inputs + to);
      pruneInput(
        block.subarray(i * outputs),
        errors.subarray(i * outputs),
        keeps as Mask,
        i * outputs,
        updates,
        outputs,
      );
    }
    if (to === inputs) break;
    const rest = { rows: inputs - to, columns: outputs, data: weights.data.subarray(to * outputs) };
    const { data } = await engine.downdate(rest, turnedPart(factor, from, to), {
      rows: to - from,
      columns: outputs,
      data: errors,
    });
    rest.data.set(data);
  }
  return transposed(weights);
}

/** Prunes the first input of `left` and takes its scaled errors from it and from those that follow in the block. */
function pruneInput(
  left: Float32Array,
  errors: Float32Array,
  keeps: Mask,
  at: number,
  updates: Float32Array,
  outputs: number,
): void {
  const pivot = updates[0] as number;
  for (let o = 0; o < outputs; o++) {
    if (keeps[at + o] !== 0) continue;
    errors[o] = (left[o] as number) / pivot;
    left[o] = 0;
  }
  for (let next = 1; next < updates.length; next++) {
    const factor = updates[next] as number;
    const row = next * outputs;
    for (let o = 0; o < outputs; o++) left[row + o] = (left[row + o] as number) - factor * (errors[o] as number);
  }
}

/** What an entry's removal costs: |W| / U_jj, of which SparseGPT compares the squares. */
const scoresOf = (block: Float32Array, diagonal: Float32Array, outputs: number): Float32Array =>
  block.map((weight, at) => weight / (diagonal[Math.floor(at / outputs)] as number));

/** N of the M inputs of a group, for each output. */
function keepAcross(scores: Float32Array, outputs: number, { n, m }: { n: number; m: number }, among?: Mask): Mask {
  const byOutput = transposed({ rows: m, columns: outputs, data: scores }).data;
  const may = among && turned(among, m, outputs);
  return turned(keepInBlocks(byOutput, n, m, may), outputs, m);
}

const turned = (mask: Mask, rows: number, columns: number): Mask =>
  Uint8Array.from(transposed({ rows, columns, data: Float32Array.from(mask) }).data);

/** Rows from..to of the factor, right of `to`, transposed: [inputs - to, to - from]. */
function turnedPart({ rows: n, data }: Floats, from: number, to: number): Floats {
  const part = { rows: n - to, columns: to - from, data: new Float32Array((n - to) * (to - from)) };
  for (let i = from; i < to; i++) {
    for (let j = to; j < n; j++) part.data[(j - to) * part.columns + i - from] = data[i * n + j] as number;
  }
  return part;
}
