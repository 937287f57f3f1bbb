import { type Dtype, input, type Shape, type Tensor } from '../../tensor/index.ts';
import type { Config } from './config.ts';

/**
 * Reading and editing activations is one idea: a function from (path, tensor) to tensor. It returns the tensor as it
 * is, or another one of the same shape. Paths name every activation of a decoder:
 *
 *   embedding
 *   layers.N.attention.input | query | key | value | query.rotated | key.rotated | pattern | heads | output
 *   layers.N.residual.mid
 *   layers.N.mlp.input | gate | up | hidden | output
 *   layers.N.residual.post
 *   norm, and logits where they are part of the graph
 *
 * query, key and value are the projections before rotation, [batch, seq, heads * size]; pattern is the attention pattern [batch, heads, seq,
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
  ...['input', 'query', 'key', 'value', 'query.rotated', 'key.rotated', 'pattern', 'heads', 'output'].map(
    (part) => `attention.${part}`,
  ),
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

/**
 * Makes an input of the graph for an edit, whose value is given when the graph runs (`feeds`) under this name behind that
 * of the block: in an edit of layers.3.attention.heads, feed('gain', [576]) is given as layers.3.gain.
 */
export type Feed = (name: string, shape: Shape, dtype?: Dtype) => Tensor;

/** An activation in place of another of the same shape. */
export type Edit = (x: Tensor, feed: Feed) => Tensor;

/** Edits by path; layers.*.attention.heads is one of every block. */
export type Edits = Readonly<Record<string, Edit>>;

/** The path layers.*.x of a path layers.N.x. */
export const everyLayer = (path: string): string => path.replace(/^layers\.\d+\./, 'layers.*.');

/** The name of a block's input: `template` is that of a graph which serves several blocks. */
export const layerInput = (layer: number, name: string, template: boolean): string =>
  `layers.${template ? '*' : layer}.${name}`;

/**
 * Taps that record some activations and edit others; an edit comes first where a path has both. In a graph that serves
 * several blocks (`template`) the inputs of edits of every block are named for all of them.
 */
export function tapsOf(
  read: readonly string[],
  edits: Edits = {},
  template = false,
): Taps & { readonly found: ReadonlyMap<string, Tensor> } {
  const wanted = new Set(read);
  const found = new Map<string, Tensor>();
  return {
    found,
    wants: (path) => wanted.has(path) || path in edits || everyLayer(path) in edits,
    at(path, x) {
      const [own, every] = [edits[path], edits[everyLayer(path)]];
      const prefixOf = (name: string) => /^layers\.[\d*]+\./.exec(name)?.[0] ?? '';
      const feed =
        (prefix: string): Feed =>
        (name, shape, dtype = 'f32') =>
          input(prefix + name, dtype, shape);
      const prefix = prefixOf(path);
      const edited = own?.(x, feed(prefix)) ?? every?.(x, feed(template ? prefixOf(everyLayer(path)) : prefix)) ?? x;
      if (wanted.has(path)) found.set(path, edited);
      return edited;
    },
  };
}
