import { compile, type Value, value } from '../../engine/index.ts';
import { layerPrefix, type Config, type LoadedModel } from '../../model/index.ts';
import { add, input, matmul } from '../../tensor/index.ts';
import { throwIfAborted } from '../../base/index.ts';
import type { Head } from './heads.ts';

/** A matrix by rows. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array;
}

/** A product of two thin matrices: out [width, inner] times value [inner, width]. */
export interface Factors {
  readonly out: Matrix;
  readonly value: Matrix;
}

/**
 * What some heads of one layer do to a state that they attend to, OV = sum over heads of O_h V_h, as factors: the
 * heads' columns of the output projection [width, heads * size], and the rows of the value projection
 * [keyValueHeads * size, width] that each head reads. With grouped queries, head h reads the rows of key/value head
 * floor(h / (heads / keyValueHeads)). (Elhage et al. 2021)
 */
export function headFactors(
  { width, heads, keyValueHeads, headSize }: Config,
  outputProjection: Float32Array,
  valueProjection: Float32Array,
  chosen: readonly number[],
): Factors {
  const inner = chosen.length * headSize;
  const out = new Float32Array(width * inner);
  const values = new Float32Array(inner * width);
  const group = heads / keyValueHeads;
  for (const [i, head] of chosen.entries()) {
    const from = Math.floor(head / group) * headSize * width;
    values.set(valueProjection.subarray(from, from + headSize * width), i * headSize * width);
    for (let row = 0; row < width; row++) {
      const at = (row * heads + head) * headSize;
      out.set(outputProjection.subarray(at, at + headSize), row * inner + i * headSize);
    }
  }
  return { out: { rows: width, columns: inner, data: out }, value: { rows: inner, columns: width, data: values } };
}

/**
 * The lens of each set of heads: the sum of their OV matrices [width, width], whatever layers they come from.
 * (Feucht, Wallace and Bau 2025) Each layer's weights are read once for all sets.
 */
export async function lensesOf(
  model: LoadedModel,
  sets: readonly (readonly Head[])[],
  signal?: AbortSignal,
): Promise<Matrix[]> {
  const { config, checkpoint, device, threads } = model;
  const { width, layers } = config;
  const square = [width, width] as const;
  const product = matmul(input('out', 'f32', [width, 'inner']), input('value', 'f32', ['inner', width]));
  const program = await compile({ lens: add(input('sum', 'f32', square), product) }, { device, threads });
  const sums = sets.map(() => value('f32', square, new Float32Array(width * width)));
  try {
    for (let layer = 0; layer < layers; layer++) {
      throwIfAborted(signal);
      const chosen = sets.map((set) => set.filter((each) => each.layer === layer).map(({ head }) => head));
      if (chosen.every(({ length }) => length === 0)) continue;
      const read = (name: string) => checkpoint.readFloat32(`${layerPrefix(layer)}self_attn.${name}.weight`);
      const [output, values] = [read('o_proj'), read('v_proj')];
      for (const [i, heads] of chosen.entries()) {
        if (heads.length === 0) continue;
        const factors = headFactors(config, output, values, heads);
        const feeds = { out: asValue(factors.out), value: asValue(factors.value), sum: sums[i] as Value };
        sums[i] = (await program.run(feeds)).lens as Value<'f32'>;
      }
    }
    return sums.map(({ data }) => ({ rows: width, columns: width, data }));
  } finally {
    await program.dispose();
  }
}

const asValue = ({ rows, columns, data }: Matrix): Value => value('f32', [rows, columns], data);
