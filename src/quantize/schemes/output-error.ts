import { type CompileOptions, compile, type Value, value } from '../../engine/index.ts';
import { input, matmul } from '../../tensor/index.ts';
import { ratio } from './error.ts';
import type { InputStatistics, WeightMatrix } from './types.ts';

/** Measures what quantization does to the outputs of a linear map on its calibration inputs. */
export interface OutputErrors {
  /** sqrt(tr(D H D^T) / tr(W H W^T)), D = W - Wq, H the second moment of the inputs: products float32, sums float64. */
  relative(matrix: WeightMatrix, decoded: Float32Array, inputs: InputStatistics): Promise<number>;
  dispose(): Promise<void>;
}

export async function openOutputErrors(options: CompileOptions = {}): Promise<OutputErrors> {
  const product = await compile(
    { product: matmul(input('w', 'f32', ['out', 'inner']), input('h', 'f32', ['inner', 'inner'])) },
    options,
  );
  const trace = async (data: Float32Array, out: number, inner: number, h: Float32Array) => {
    const feeds = { w: value('f32', [out, inner], data), h: value('f32', [inner, inner], h) };
    const { data: products } = (await product.run(feeds)).product as Value<'f32'>;
    let sum = 0;
    for (let i = 0; i < data.length; i++) sum += (data[i] as number) * (products[i] as number);
    return sum;
  };
  let last: { readonly data: Float32Array; readonly moment: Float32Array; readonly whole: number } | undefined;
  return {
    async relative({ out, inner, data }, decoded, { secondMoment: moment }) {
      if (last?.data !== data || last.moment !== moment) {
        last = { data, moment, whole: await trace(data, out, inner, moment) };
      }
      const { whole } = last;
      const difference = data.map((each, i) => each - (decoded[i] as number));
      return ratio(await trace(difference, out, inner, moment), whole);
    },
    dispose: () => product.dispose(),
  };
}
