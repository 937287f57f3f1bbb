import { CriaError } from '../../base/index.ts';
import { countKept, keepInBlocks, keepLargest, type Mask } from '../../linalg/index.ts';

/** The share of weights that is pruned, over the whole matrix; or n kept of every m consecutive inputs of one output. */
export type Sparsity =
  | { readonly kind: 'unstructured'; readonly share: number }
  | { readonly kind: 'n:m'; readonly n: number; readonly m: number };

/** Reads `0.5` or `2:4`. @throws CriaError when it is neither. */
export function sparsityFrom(text: string, where = '--sparsity'): Sparsity {
  const [, n, m] = /^(\d{1,3}):(\d{1,3})$/.exec(text) ?? [];
  if (n !== undefined && m !== undefined) {
    if (Number(n) >= 1 && Number(n) < Number(m)) return { kind: 'n:m', n: Number(n), m: Number(m) };
  } else {
    const share = text.trim() === '' ? Number.NaN : Number(text);
    if (share >= 0 && share < 1) return { kind: 'unstructured', share };
  }
  throw new CriaError(`sparsity must be a share from 0 to below 1, or N:M with N below M (got ${text})`, {
    where,
  });
}

/** `0.5` or `2:4`. */
export const sparsityText = (sparsity: Sparsity): string =>
  sparsity.kind === 'n:m' ? `${sparsity.n}:${sparsity.m}` : String(sparsity.share);

/** Whether matrices with that many inputs can have the sparsity: m must divide them. */
export const suits = (sparsity: Sparsity, columns: number): boolean =>
  sparsity.kind === 'unstructured' || columns % sparsity.m === 0;

/** The projections of one matrix [rows, columns] onto a sparsity. Masks are row-major. */
export interface Pattern {
  /** The most entries that a projection keeps. */
  readonly kept: number;
  /** P: the entries of largest magnitude. (MOSP, section 3.2) */
  project(values: Float32Array): Mask;
  /** The core within a support: the share alpha of it with the largest entries, or of the blocks with the largest sums. */
  core(values: Float32Array, support: Mask): Mask;
  /** P with every entry of the core kept. */
  projectAround(core: Mask): (values: Float32Array) => Mask;
}

/** `among` are the entries that may be kept: of a matrix that has been pruned before, those that were. */
export function patternOf(
  sparsity: Sparsity,
  { rows, columns, alpha, among }: { rows: number; columns: number; alpha: number; among?: Mask },
): Pattern {
  return sparsity.kind === 'n:m'
    ? blockPattern(sparsity, rows * columns, alpha, among)
    : wholePattern(sparsity.share, rows * columns, alpha, among);
}

function wholePattern(share: number, size: number, alpha: number, among?: Mask): Pattern {
  const kept = Math.min(Math.round((1 - share) * size), among ? countKept(among) : size);
  const inCore = Math.round(alpha * kept);
  return {
    kept,
    project: (values) => keepLargest(values, kept, among),
    core: (values, support) => keepLargest(values, inCore, support),
    projectAround(core) {
      const outside = core.map((isCore, i) => (1 - isCore) & (among?.[i] ?? 1));
      const others = kept - countKept(core);
      return (values) => union(core, keepLargest(values, others, outside));
    },
  };
}

function blockPattern({ n, m }: { n: number; m: number }, size: number, alpha: number, among?: Mask): Pattern {
  const blocks = size / m;
  const coreBlocks = blocks - Math.round((1 - alpha) * blocks);
  /** Each block's entry for each of its elements. */
  const spread = (byBlock: Mask): Mask => {
    const mask = new Uint8Array(size);
    for (let block = 0; block < blocks; block++) if (byBlock[block] !== 0) mask.fill(1, block * m, (block + 1) * m);
    return mask;
  };
  return {
    kept: blocks * n,
    project: (values) => keepInBlocks(values, n, m, among),
    core(values, support) {
      const sums = new Float32Array(blocks);
      for (let i = 0; i < size; i++) {
        const block = Math.floor(i / m);
        if (support[i] !== 0) sums[block] = (sums[block] as number) + Math.abs(values[i] as number);
      }
      const mask = spread(keepLargest(sums, coreBlocks));
      for (let i = 0; i < size; i++) if (support[i] === 0) mask[i] = 0;
      return mask;
    },
    projectAround(core) {
      const hasCore = new Uint8Array(blocks);
      for (let i = 0; i < size; i++) if (core[i] !== 0) hasCore[Math.floor(i / m)] = 1;
      const outside = spread(hasCore);
      for (let i = 0; i < size; i++) outside[i] = outside[i] === 0 && among?.[i] !== 0 ? 1 : 0;
      return (values) => union(core, keepInBlocks(values, n, m, outside));
    },
  };
}

function union(a: Mask, b: Mask): Mask {
  for (let i = 0; i < b.length; i++) b[i] = (a[i] as number) | (b[i] as number);
  return b;
}
