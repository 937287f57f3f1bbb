import { throwIfAborted } from '../../base/index.ts';
import { nearestHalf, type UniformBits, type UniformCodes, uniformValues } from '../../checkpoint/index.ts';
import { type CompileOptions, compile, type Value, value } from '../../engine/index.ts';
import { type BlockedCholesky, NotPositiveDefinite, openCholesky } from '../../linalg/index.ts';
import { input, matmul, sub } from '../../tensor/index.ts';
import { asymmetricGrid, codeOf, type GridShape, gptqSymmetricGrid } from './grid.ts';
import { roundToGrid } from './rtn.ts';
import type { InputStatistics, Quantized, WeightMatrix } from './types.ts';

export interface GptqOptions {
  readonly bits: UniformBits;
  /** Inputs of a row that share a scale; it divides the matrix's inputs. */
  readonly group: number;
  readonly asymmetric: boolean;
  /** Quantize inputs by falling second moment; groups are then runs of that order. */
  readonly actOrder: boolean;
  /** Fit the grids of groups to the original weights of neighbouring inputs. */
  readonly staticGroups: boolean;
  /** What is added to the diagonal of H, as a share of its mean. */
  readonly damp: number;
}

/** A matrix quantized by GPTQ, and the damping that its factorisation needed. */
export interface GptqResult extends Quantized {
  readonly damp: number;
}

/** GPTQ with its compiled products. */
export interface Gptq {
  /**
   * Quantizes a matrix input by input, each time moving the rest to make up for the error in the outputs. Where H is
   * not positive definite the damping is raised tenfold, up to 1; after that the matrix is rounded to the nearest, and
   * it is told. (Frantar et al. 2022, algorithm 1)
   */
  quantize(
    matrix: WeightMatrix,
    inputs: InputStatistics,
    options: GptqOptions,
    signal?: AbortSignal,
  ): Promise<GptqResult>;
  dispose(): Promise<void>;
}

const lazy = 128; // inputs whose errors are collected before the inputs behind them are moved: GPTQ's block size

/** Compiles what GPTQ computes outside of a block of inputs: the factor of H^-1, and the update behind the block. */
export async function openGptq(options: CompileOptions = {}): Promise<Gptq> {
  const cholesky = await openCholesky('f32', options);
  const behind = matmul(input('factor', 'f32', ['block', 'rest']), input('errors', 'f32', ['block', 'out']), {
    transA: true,
  });
  const update = await compile({ moved: sub(input('rest', 'f32', ['rest', 'out']), behind) }, options);
  const move = async (rest: Float32Array, factor: Float32Array, errors: Float32Array, block: number) => {
    const [out, columns] = [errors.length / block, factor.length / block];
    const before: Value = value('f32', [columns, out], rest);
    const feeds = {
      rest: before,
      factor: value('f32', [block, columns], factor),
      errors: value('f32', [block, out], errors),
    };
    await update.run(feeds, { moved: before });
  };
  return {
    async quantize(matrix, inputs, asked, signal) {
      const { inner } = matrix;
      const alive = diagonalOf(inputs.secondMoment, inner);
      const order = asked.actOrder ? fallingOrder(alive) : Array.from({ length: inner }, (_, i) => i);
      const shape = shapeOf(asked);
      const found = await inverseFactor(cholesky, ordered(inputs.secondMoment, order), inner, asked.damp, signal);
      if (!found) {
        const plain = roundToGrid(matrix, asked.group, shape);
        return { ...plain, damp: 1, fallback: 'rtn: the second moment of its inputs is not positive definite' };
      }
      const weights = transposedRows(matrix, order, alive);
      const grids = openGrids(matrix, weights, order, shape, asked);
      await walk(weights, found.factor, matrix, grids, move, signal);
      return { ...grids.finish(), damp: found.damp };
    },
    async dispose() {
      await Promise.all([cholesky.dispose(), update.dispose()]);
    },
  };
}

function shapeOf({ bits, asymmetric }: GptqOptions): GridShape {
  return asymmetric ? asymmetricGrid(bits, nearestHalf) : gptqSymmetricGrid(bits, nearestHalf);
}

function diagonalOf(h: Float32Array, n: number): Float32Array {
  return Float32Array.from({ length: n }, (_, i) => h[i * n + i] as number);
}

/** Indexes by falling value; equal ones keep their order. */
function fallingOrder(values: Float32Array): number[] {
  return Array.from(values, (_, i) => i).sort((a, b) => (values[b] as number) - (values[a] as number));
}

/** H with rows and columns in another order; inputs that are always 0 get a 1 on the diagonal. */
function ordered(h: Float32Array, order: readonly number[]): Float32Array {
  const n = order.length;
  const result = new Float32Array(n * n);
  for (let i = 0; i < n; i++) {
    const from = (order[i] as number) * n;
    for (let j = 0; j < n; j++) result[i * n + j] = h[from + (order[j] as number)] as number;
    if (result[i * n + i] === 0) result[i * n + i] = 1;
  }
  return result;
}

/** U with U^T U = (H + damp mean(diag H))^-1, or undefined where no damping up to 1 makes H positive definite. */
async function inverseFactor(
  cholesky: BlockedCholesky<'f32'>,
  h: Float32Array,
  n: number,
  least: number,
  signal: AbortSignal | undefined,
): Promise<{ factor: Float32Array; damp: number } | undefined> {
  const diagonal = diagonalOf(h, n);
  const mean = diagonal.reduce((sum, each) => sum + each, 0) / n;
  for (let damp = least; ; damp = Math.min(1, damp * 10)) {
    for (let i = 0; i < n; i++) h[i * n + i] = (diagonal[i] as number) + damp * mean;
    try {
      const { data } = await cholesky.inverseFactor({ rows: n, columns: n, data: h }, signal);
      return { factor: data, damp };
    } catch (error) {
      if (!(error instanceof NotPositiveDefinite)) throw error;
      if (damp >= 1 || damp === 0) return undefined;
    }
  }
}

/** W^T with its rows in order; those of inputs that are always 0 are 0. */
function transposedRows(
  { out, inner, data }: WeightMatrix,
  order: readonly number[],
  alive: Float32Array,
): Float32Array {
  const result = new Float32Array(data.length);
  for (let j = 0; j < inner; j++) {
    const column = order[j] as number;
    if (alive[column] === 0) continue;
    for (let row = 0; row < out; row++) result[j * out + row] = data[row * inner + column] as number;
  }
  return result;
}

/** Fits grids and rounds one input after the other. */
interface Grids {
  /** Rounds the weights of the j-th input in order, fitting a grid first where it begins a group; returns the decoded. */
  round(j: number): Float32Array;
  finish(): Quantized;
}

function openGrids(
  { out, inner, data }: WeightMatrix,
  weights: Float32Array,
  order: readonly number[],
  shape: GridShape,
  { bits, group, actOrder, staticGroups }: GptqOptions,
): Grids {
  const groups = inner / group;
  const codes = new Uint8Array(data.length);
  const scales = new Float32Array(out * groups);
  const zeros = new Uint8Array(out * groups);
  const decoded = new Float32Array(out);
  const groupOf = (j: number) => Math.floor((staticGroups ? (order[j] as number) : j) / group);
  const fitGroup = (cell: (row: number, i: number) => number, at: number) => {
    for (let row = 0; row < out; row++) {
      let [minimum, maximum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (let i = at * group; i < (at + 1) * group; i++) {
        const each = cell(row, i);
        if (each < minimum) minimum = each;
        if (each > maximum) maximum = each;
      }
      const { scale, zero } = shape.fit(minimum, maximum);
      scales[row * groups + at] = scale;
      zeros[row * groups + at] = zero;
    }
  };
  if (staticGroups) for (let at = 0; at < groups; at++) fitGroup((row, i) => data[row * inner + i] as number, at);

  return {
    round(j) {
      if (!staticGroups && j % group === 0) fitGroup((row, i) => weights[i * out + row] as number, j / group);
      const [at, column] = [groupOf(j), order[j] as number];
      for (let row = 0; row < out; row++) {
        const [scale, zero] = [scales[row * groups + at] as number, zeros[row * groups + at] as number];
        const code = codeOf(weights[j * out + row] as number, scale, zero, shape.low, shape.high);
        codes[row * inner + column] = code;
        decoded[row] = scale * (code - zero);
      }
      return decoded;
    },
    finish() {
      const reordered = actOrder && !staticGroups;
      const indexes = Int32Array.from({ length: inner });
      for (let j = 0; j < inner; j++) indexes[order[j] as number] = groupOf(j);
      const held: UniformCodes = {
        kind: 'uniform',
        out,
        inner,
        bits,
        group,
        codes,
        scales,
        zeros,
        ...(reordered && groups > 1 && { groupOf: indexes }),
      };
      return { codes: held, values: uniformValues(held) };
    },
  };
}

/** Goes through the inputs in lazy blocks; `weights` is W^T in order and moved in place. */
async function walk(
  weights: Float32Array,
  factor: Float32Array,
  { out, inner }: WeightMatrix,
  grids: Grids,
  move: (rest: Float32Array, factor: Float32Array, errors: Float32Array, block: number) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let from = 0; from < inner; from += lazy) {
    throwIfAborted(signal);
    const to = Math.min(inner, from + lazy);
    const errors = new Float32Array((to - from) * out);
    for (let j = from; j < to; j++) {
      const decoded = grids.round(j);
      const own = weights.subarray(j * out, (j + 1) * out);
      const error = errors.subarray((j - from) * out, (j - from + 1) * out);
      const pivot = factor[j * inner + j] as number;
      for (let row = 0; row < out; row++) error[row] = ((own[row] as number) - (decoded[row] as number)) / pivot;
      for (let k = j + 1; k < to; k++) {
        subtract(weights, k * out, error, factor[j * inner + k] as number);
      }
    }
    if (to === inner) return;
    const behind = new Float32Array((to - from) * (inner - to));
    for (let j = from; j < to; j++) {
      behind.set(factor.subarray(j * inner + to, (j + 1) * inner), (j - from) * (inner - to));
    }
    await move(weights.subarray(to * out), behind, errors, to - from);
  }
}

function subtract(from: Float32Array, at: number, what: Float32Array, times: number): void {
  for (let i = 0; i < what.length; i++) from[at + i] = (from[at + i] as number) - times * (what[i] as number);
}
