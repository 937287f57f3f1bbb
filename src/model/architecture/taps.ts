import type { Tensor } from '../../tensor/index.ts';
import type { Config } from './config.ts';

/**
 * Reading and editing activations is one idea: a function from (path, tensor) to tensor. It returns the tensor as it
 * is, or another one of the same shape. Paths name every activation of a decoder:
 *
 *   embedding
 *   layers.N.attention.input | query | key | value | pattern | heads | output
 *   layers.N.residual.mid
 *   layers.N.mlp.input | gate | up | hidden | output
 *   layers.N.residual.post
 *   norm, and logits where they are part of the graph
 *
 * query, key and value are the projections before rotation; pattern is the attention pattern [batch, heads, seq,
 * total], whose columns begin with the virtual positions of adapters; heads is what the output projection reads;
 * hidden is what the down projection reads.
 */
export interface Taps {
  at(path: string, x: Tensor): Tensor;
  /** Whether a path is read or edited: what is costly to expose (the attention pattern) is exposed only then. */
  wants(path: string): boolean;
}

export const noTaps: Taps = { at: (_, x) => x, wants: () => false };

const perLayer = [
  ...['input', 'query', 'key', 'value', 'pattern', 'heads', 'output'].map((part) => `attention.${part}`),
  'residual.mid',
  ...['input', 'gate', 'up', 'hidden', 'output'].map((part) => `mlp.${part}`),
  'residual.post',
];

/** Every path below the logits, in the order of the computation. */
export function activationPaths({ layers }: Config): string[] {
  const ofLayer = (_: unknown, layer: number) => perLayer.map((path) => `layers.${layer}.${path}`);
  return ['embedding', ...Array.from({ length: layers }, ofLayer).flat(), 'norm'];
}

/** The same taps inside a part of the model. */
export function within(taps: Taps, prefix: string): Taps {
  return {
    at: (path, x) => taps.at(prefix + path, x),
    wants: (path) => taps.wants(prefix + path),
  };
}

export type Edit = (x: Tensor) => Tensor;

/** Taps that record some activations and edit others; an edit comes first where a path has both. */
export function tapsOf(
  read: readonly string[],
  edits: Readonly<Record<string, Edit>> = {},
): Taps & { readonly found: ReadonlyMap<string, Tensor> } {
  const wanted = new Set(read);
  const found = new Map<string, Tensor>();
  return {
    found,
    wants: (path) => wanted.has(path) || path in edits,
    at(path, x) {
      const edited = edits[path]?.(x) ?? x;
      if (wanted.has(path)) found.set(path, edited);
      return edited;
    },
  };
}
