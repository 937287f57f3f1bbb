import {
  dequantized,
  gather,
  input,
  linear,
  minimumColumns,
  type QuantizedMatrix,
  quantizedLinear,
  split,
  type Tensor,
} from '../../tensor/index.ts';

/** A linear map, however its weight is stored. */
export type Linear = (x: Tensor) => Tensor;

/**
 * How named weights appear in a graph. The layers ask for maps and vectors and never learn whether a weight is
 * float or quantized, adapted or plain.
 */
export interface Weights {
  /** A norm or a bias, [size]. */
  vector(name: string, size: number): Tensor;
  /** The linear map of a weight [out, in]. */
  linear(name: string, out: number, inner: number): Linear;
  /** Several linear maps of one input, which may run as one. */
  fusedLinear(parts: readonly LinearPart[]): (x: Tensor) => readonly Tensor[];
  /** Rows of the embedding table for ids i64 [batch, seq] -> [batch, seq, width]. */
  embedding(name: string, rows: number, width: number): (ids: Tensor) => Tensor;
}

export interface LinearPart {
  readonly name: string;
  readonly out: number;
  readonly inner: number;
}

/** Weights in float32 under their own names. */
export const floatWeights: Weights = {
  vector: (name, size) => input(name, 'f32', [size]),
  linear: (name, out, inner) => (x) => linear(x, input(name, 'f32', [out, inner])),
  fusedLinear: (parts) => (x) => parts.map(({ name, out, inner }) => floatWeights.linear(name, out, inner)(x)),
  embedding: (name, rows, width) => (ids) => gather(input(name, 'f32', [rows, width]), ids),
};

/** How a matrix is quantized for the runtime's kernels. */
export interface Packing {
  readonly bits: 4 | 8;
  readonly block: number;
  /** Blocks carry a minimum besides their scale (Q4_1, Q4_K). */
  readonly minimums: boolean;
  /** Activations are rounded to 16 bits instead of 8. */
  readonly wideActivations: boolean;
}

/** Blocks in a row of `inner` weights, those of its columns of minimums counted. */
export function blocksInRow(inner: number, { bits, block, minimums }: Packing): number {
  return (inner + (minimums ? minimumColumns(inner, block, bits) : 0)) / block;
}

/** The inputs that a packed matrix adds to a graph. */
export const packedNames = (name: string) => ({
  codes: `${name}:codes`,
  scales: `${name}:scales`,
  zeros: `${name}:zeros`,
});

/** What a packed matrix of several weights, stacked along `out`, is called. */
export const stackedName = (names: readonly string[]): string => names.join('|');

/**
 * Weights whose matrices are packed as `packingOf` says; undefined keeps one in float32. Parts of a joint map that
 * are packed alike are stacked into one matrix.
 */
export function packedWeights(packingOf: (name: string) => Packing | undefined): Weights {
  const matrix = (name: string, packing: Packing, out: number, inner: number): QuantizedMatrix => {
    const { bits, block, wideActivations } = packing;
    const blocks = blocksInRow(inner, packing);
    const names = packedNames(name);
    return {
      bits,
      block,
      wideActivations,
      codes: input(names.codes, 'u8', [out, blocks, (block * bits) / 8]),
      scales: input(names.scales, 'f32', [out, blocks]),
      ...(packing.minimums ? { zeros: input(names.zeros, 'u8', [out, Math.ceil((blocks * bits) / 8)]) } : {}),
    };
  };
  const weights: Weights = {
    vector: floatWeights.vector,
    linear(name, out, inner) {
      const packing = packingOf(name);
      if (!packing) return floatWeights.linear(name, out, inner);
      return (x) => quantizedLinear(x, matrix(name, packing, out, inner));
    },
    fusedLinear(parts) {
      const stacks = alike(parts, packingOf);
      return (x) =>
        stacks.flatMap((stack) => {
          const [first] = stack as unknown as readonly [LinearPart];
          const packing = packingOf(first.name);
          if (!packing || stack.length === 1) {
            return stack.map((part) => weights.linear(part.name, part.out, part.inner)(x));
          }
          const outs = stack.map((part) => part.out);
          const total = outs.reduce((a, b) => a + b);
          const name = stackedName(stack.map((part) => part.name));
          return split(quantizedLinear(x, matrix(name, packing, total, first.inner)), -1, outs);
        });
    },
    embedding(name, rows, width) {
      const packing = packingOf(name);
      if (!packing) return floatWeights.embedding(name, rows, width);
      return (ids) => {
        const { codes, scales, zeros, bits, block } = matrix(name, packing, rows, width);
        const values = dequantized(gather(codes, ids), gather(scales, ids), bits);
        if (!zeros) return values;
        throw new Error(`embeddings with minimums (${block}) are packed at 8 bits`);
      };
    },
  };
  return weights;
}

/** Neighbours that are packed alike, together. */
function alike(parts: readonly LinearPart[], packingOf: (name: string) => Packing | undefined): LinearPart[][] {
  const stacks: LinearPart[][] = [];
  for (const part of parts) {
    const last = stacks.at(-1);
    if (last?.[0] && samePacking(packingOf(last[0].name), packingOf(part.name))) last.push(part);
    else stacks.push([part]);
  }
  return stacks;
}

function samePacking(a: Packing | undefined, b: Packing | undefined): boolean {
  if (!a || !b) return a === b;
  const isAlike = a.bits === b.bits && a.block === b.block && a.minimums === b.minimums;
  return isAlike && a.wideActivations === b.wideActivations;
}
