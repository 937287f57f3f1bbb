import { fnv1a, normalFrom, type Random, randomFrom } from '../base/index.ts';
import { type Value, value } from '../engine/index.ts';
import { type Vectors, vectors } from './vectors.ts';

/** A tensor that is trained. */
export interface Parameter {
  /** As the graph calls it. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Whether weight decay acts on it: on matrices, as everywhere, and not on norms and biases. */
  readonly decays: boolean;
}

/**
 * All trainable parameters in one array: each parameter is a view of it, and the optimizer sees one vector. Those
 * that decay come first; zeros fill both parts up to multiples of four.
 */
export interface ParameterBuffer {
  readonly parameters: readonly Parameter[];
  /** How many numbers are trained. */
  readonly size: number;
  readonly values: Float32Array;
  /** As long as the values, laid out alike. */
  readonly gradients: Float32Array;
  /** How many of the elements, from the first on, weight decay acts on. */
  readonly decaying: number;
  /**
   * The values, the gradients and what AdamW keeps beside them, laid out alike: the running averages of the gradients and of
   * their squares, and the sum of gradients over micro-batches.
   */
  readonly vectors: Vectors<'values' | 'gradients' | 'first' | 'second' | 'total'>;
  /** The value of a parameter: a view of the buffer. Undefined when it is none. */
  value(name: string): Value<'f32'> | undefined;
  /** The place of its gradient. */
  gradient(name: string): Value<'f32'>;
}

/** A buffer of zeros for the given parameters. */
export function parameterBuffer(given: readonly Parameter[]): ParameterBuffer {
  const groups = [given.filter(({ decays }) => decays), given.filter(({ decays }) => !decays)] as const;
  const parameters = groups.flat();
  const places = new Map<string, { readonly at: number; readonly parameter: Parameter }>();
  const layOut = (some: readonly Parameter[], start: number) => {
    let at = start;
    for (const parameter of some) {
      places.set(parameter.name, { at, parameter });
      at += elementsOf(parameter);
    }
    return Math.ceil(at / 4) * 4;
  };
  const decaying = layOut(groups[0], 0);
  const length = layOut(groups[1], decaying);
  const held = vectors(['values', 'gradients', 'first', 'second', 'total'], length);
  const { values, gradients } = held.arrays;
  const view = (of: Float32Array, name: string): Value<'f32'> | undefined => {
    const place = places.get(name);
    if (!place) return undefined;
    const { shape } = place.parameter;
    return value('f32', shape, of.subarray(place.at, place.at + elementsOf(place.parameter)));
  };
  return {
    parameters,
    size: parameters.reduce((sum, parameter) => sum + elementsOf(parameter), 0),
    values,
    gradients,
    decaying,
    vectors: held,
    value: (name) => view(values, name),
    gradient: (name) => view(gradients, name) as Value<'f32'>,
  };
}

const elementsOf = ({ shape }: Parameter): number => shape.reduce((product, size) => product * size, 1);

/** Fills with uniform numbers in [-bound, bound). */
export function fillUniform(into: Float32Array, bound: number, random: Random): void {
  for (let i = 0; i < into.length; i++) into[i] = (2 * random() - 1) * bound;
}

/** Fills with normal numbers of mean 0. */
export function fillNormal(into: Float32Array, deviation: number, random: Random): void {
  const normal = normalFrom(random);
  for (let i = 0; i < into.length; i++) into[i] = normal() * deviation;
}

/** A stream of its own for each named tensor, so that one more or less of them changes no other. */
export function randomFor(seed: number, name: string): Random {
  const low = Math.imul(seed, 0x9e3779b1) ^ fnv1a(name);
  const high = Math.trunc(seed / 2 ** 32);
  return randomFrom(high === 0 ? low : high * 2 ** 32 + (low >>> 0));
}
