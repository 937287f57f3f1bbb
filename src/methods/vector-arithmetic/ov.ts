import { CriaError, throwIfAborted } from '../../base/index.ts';
import { compile, type Value, value } from '../../engine/index.ts';
import { type Rows, topSingular } from '../../linalg/index.ts';
import { type Config, type LoadedModel, layerPrefix } from '../../model/index.ts';
import { add, input, matmul } from '../../tensor/index.ts';
import type { Head } from './heads.ts';

/** A product of two thin matrices: out [width, inner] times value [inner, width]. */
export interface Factors {
  readonly out: Rows;
  readonly value: Rows;
}

/**
 * What some heads of one layer do to a state that they attend to, OV = sum over heads of O_h V_h, as factors: the
 * heads' columns of the output projection [width, heads * size], and the rows of the value projection
 * [keyValueHeads * size, width] that each head reads. With grouped queries, head h reads the rows of key/value head
 * floor(h / (heads / keyValueHeads)). (Elhage et al. 2021)
 */
export function headFactors(
  { hiddenSize, heads, keyValueHeads, headSize }: Config,
  outputProjection: Float32Array,
  valueProjection: Float32Array,
  chosen: readonly number[],
): Factors {
  const inner = chosen.length * headSize;
  const out = new Float32Array(hiddenSize * inner);
  const values = new Float32Array(inner * hiddenSize);
  const group = heads / keyValueHeads;
  for (const [i, head] of chosen.entries()) {
    const from = Math.floor(head / group) * headSize * hiddenSize;
    values.set(valueProjection.subarray(from, from + headSize * hiddenSize), i * headSize * hiddenSize);
    for (let row = 0; row < hiddenSize; row++) {
      const at = (row * heads + head) * headSize;
      out.set(outputProjection.subarray(at, at + headSize), row * inner + i * headSize);
    }
  }
  return {
    out: { rows: hiddenSize, columns: inner, data: out },
    value: { rows: inner, columns: hiddenSize, data: values },
  };
}

/**
 * The lens of each set of heads: the sum of their OV matrices [width, width], whatever layers they come from.
 * (Feucht, Wallace and Bau 2025) Each layer's weights are read once for all sets. With `foldNorm` each
 * OV is multiplied by the gain of the norm before it, O V diag(gain): what heads do to states of a root mean square of 1.
 */
export async function lensesOf(
  model: LoadedModel,
  sets: readonly (readonly Head[])[],
  { foldNorm, signal }: { readonly foldNorm: boolean; readonly signal?: AbortSignal },
): Promise<Rows[]> {
  const { config, checkpoint, device, threads } = model;
  const { hiddenSize, layers } = config;
  const square = [hiddenSize, hiddenSize] as const;
  const product = matmul(input('out', 'f32', [hiddenSize, 'inner']), input('value', 'f32', ['inner', hiddenSize]));
  const program = await compile({ lens: add(input('sum', 'f32', square), product) }, { device, threads });
  const sums = sets.map(() => value('f32', square, new Float32Array(hiddenSize * hiddenSize)));
  try {
    for (let layer = 0; layer < layers; layer++) {
      throwIfAborted(signal);
      const chosen = sets.map((set) => set.filter((each) => each.layer === layer).map(({ head }) => head));
      if (chosen.every(({ length }) => length === 0)) continue;
      const read = (name: string) => checkpoint.readFloat32(`${layerPrefix(layer)}${name}.weight`);
      const [output, plain] = [read('self_attn.o_proj'), read('self_attn.v_proj')];
      const values = foldNorm ? timesColumns(plain, read('input_layernorm'), config.normOffset) : plain;
      for (const [i, heads] of chosen.entries()) {
        if (heads.length === 0) continue;
        const factors = headFactors(config, output, values, heads);
        const feeds = { out: asValue(factors.out), value: asValue(factors.value), sum: sums[i] as Value };
        sums[i] = (await program.run(feeds)).lens as Value<'f32'>;
      }
    }
    return sums.map(({ data }) => ({ rows: hiddenSize, columns: hiddenSize, data }));
  } finally {
    await program.dispose();
  }
}

/** A matrix with each column multiplied by the gain of its place. */
function timesColumns(matrix: Float32Array, gains: Float32Array, offset: number): Float32Array {
  return matrix.map((x, i) => x * ((gains[i % gains.length] as number) + offset));
}

/** A lens of low rank, out times value: U [width, rank] with the singular values, W [rank, width]. */
export async function truncated(lens: Rows, rank: number, { device, threads }: LoadedModel): Promise<Factors> {
  const { left, values, right } = await topSingular(lens, rank, { device, threads });
  const out = new Float32Array(left.data.length);
  for (const [i, x] of left.data.entries()) {
    const [r, row] = [Math.floor(i / left.columns), i % left.columns];
    out[row * left.rows + r] = x * (values[r] as number);
  }
  return { out: { rows: left.columns, columns: left.rows, data: out }, value: right };
}

/**
 * Rows [rank, width] of which the first r give vectors the inner products that the lens of rank r gives them: its
 * largest singular values times the right singular vectors. The left ones are orthonormal, and change none.
 */
export async function principalRows(lens: Rows, rank: number, { device, threads }: LoadedModel): Promise<Rows> {
  const { values, right } = await topSingular(lens, rank, { device, threads });
  const data = right.data.map((x, i) => x * (values[Math.floor(i / right.columns)] as number));
  return { ...right, data };
}

/** The dense matrix of two factors. */
export async function productOf(factors: Factors, { device, threads }: LoadedModel): Promise<Rows> {
  const product = matmul(input('out', 'f32', ['rows', 'inner']), input('value', 'f32', ['inner', 'columns']));
  const program = await compile({ product }, { device, threads });
  try {
    const results = await program.run({ out: asValue(factors.out), value: asValue(factors.value) });
    return { ...factors.value, rows: factors.out.rows, data: (results.product as Value<'f32'>).data };
  } finally {
    await program.dispose();
  }
}

/** A lens of at most some rank, with its factors; as it is where none is given. */
export async function ofRank(
  sum: Rows,
  rank: number | undefined,
  model: LoadedModel,
): Promise<{ readonly matrix: Rows; readonly factors?: Factors }> {
  if (rank === undefined) return { matrix: sum };
  const factors = await truncated(sum, Math.min(rank, model.config.hiddenSize), model);
  return { matrix: await productOf(factors, model), factors };
}

/** @throws CriaError when the model has adapters: what its heads do is not what its weights say. */
export function refuseAdapters({ adaptation, path }: LoadedModel): void {
  if (adaptation.values.size === 0) return;
  throw new CriaError('heads of a model with adapters are not measured', {
    where: path,
    remedy: 'fold them into the weights with cria merge',
  });
}

export const asValue = ({ rows, columns, data }: Rows): Value<'f32'> => value('f32', [rows, columns], data);
