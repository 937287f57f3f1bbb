import { add, input, linear, matmul, type Tensor } from '../../tensor/index.ts';
import type { LinearPart, Weights } from './weights.ts';

/** A low-rank update of one linear map: y + scale * B (A x), A [rank, in], B [out, rank]. (Hu et al. 2021) */
export interface LowRank {
  readonly rank: number;
  /** What the product is multiplied by: alpha / rank in plain LoRA, alpha / sqrt(rank) in rsLoRA. */
  readonly scale: number;
}

/** The inputs that an adapted weight adds to a graph. */
export const loraNames = (weight: string) => ({ a: `${weight}:lora_A`, b: `${weight}:lora_B` });

/** Weights with low-rank updates added to the linear maps that `updateOf` names; a map keeps the way it is stored. */
export function loraWeights(base: Weights, updateOf: (weight: string) => LowRank | undefined): Weights {
  const updated = (x: Tensor, y: Tensor, { name, out, inner }: LinearPart): Tensor => {
    const update = updateOf(name);
    if (!update) return y;
    const names = loraNames(name);
    const low = linear(x, input(names.a, 'f32', [update.rank, inner]));
    const high = matmul(low, input(names.b, 'f32', [out, update.rank]), { transB: true, scale: update.scale });
    return add(y, high);
  };
  return {
    ...base,
    linear: (name, out, inner) => {
      const map = base.linear(name, out, inner);
      return (x) => updated(x, map(x), { name, out, inner });
    },
    fusedLinear: (parts) => {
      const map = base.fusedLinear(parts);
      return (x) => map(x).map((y, i) => updated(x, y, parts[i] as LinearPart));
    },
  };
}
