import { type Value, value } from '../../engine/index.ts';
import { add, concat, input, linear, matmul, mul, split, type Tensor } from '../../tensor/index.ts';
import type { LinearPart, Weights } from './weights.ts';

/** A low-rank update of one linear map: y + scale * B (A x), A [rank, in], B [out, rank]. (Hu et al. 2021) */
export interface LowRank {
  readonly rank: number;
  /** What the product is multiplied by: alpha / rank in plain LoRA, alpha / sqrt(rank) in rsLoRA. */
  readonly scale: number;
  /** Where adapters are gated: the ranks that each of them has in this update, 0 where it leaves the map as it is. */
  readonly gated?: readonly number[];
}

/** The inputs that an adapted weight adds to a graph. */
export const loraNames = (weight: string) => ({ a: `${weight}:lora_A`, b: `${weight}:lora_B` });

/**
 * The input that gated adapters add to a graph, [batch, seq, adapters]: what the update of each LoRA, in the order in which
 * they were given, is multiplied by at a position. 1 applies it, 0 leaves the model as it is.
 */
export const gatesName = 'adapters.gates';

/** The gates of texts as a run is given them; `gatesAt` returns one number for each of `adapters`. Padding is not gated. */
export function gateFeeds(
  texts: readonly (readonly number[])[],
  adapters: number,
  gatesAt: (text: number, position: number) => readonly number[],
): Readonly<Record<string, Value<'f32'>>> {
  const longest = Math.max(...texts.map(({ length }) => length));
  const data = new Float32Array(texts.length * longest * adapters);
  for (const [text, ids] of texts.entries()) {
    for (const position of ids.keys()) data.set(gatesAt(text, position), (text * longest + position) * adapters);
  }
  return { [gatesName]: value('f32', [texts.length, longest, adapters], data) };
}

/** The products A x of all adapters, side by side, each times its gate. */
function gatedRows(low: Tensor, ranks: readonly number[]): Tensor {
  const gates = input(gatesName, 'f32', [...low.shape.slice(0, -1), ranks.length]);
  if (ranks.length === 1) return mul(low, gates);
  const gateOf = split(
    gates,
    -1,
    ranks.map(() => 1),
  );
  const own = [...ranks.keys()].filter((i) => ranks[i] !== 0);
  const rows = split(
    low,
    -1,
    own.map((i) => ranks[i] as number),
  );
  return concat(
    own.map((i, part) => mul(rows[part] as Tensor, gateOf[i] as Tensor)),
    -1,
  );
}

/** Weights with low-rank updates added to the linear maps that `updateOf` names; a map keeps the way it is stored. */
export function loraWeights(base: Weights, updateOf: (weight: string) => LowRank | undefined): Weights {
  const updated = (x: Tensor, y: Tensor, { name, out, inner }: LinearPart): Tensor => {
    const update = updateOf(name);
    if (!update) return y;
    const names = loraNames(name);
    const rows = linear(x, input(names.a, 'f32', [update.rank, inner]));
    const low = update.gated ? gatedRows(rows, update.gated) : rows;
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
