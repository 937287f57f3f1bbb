import { CriaError } from '../base/index.ts';

/**
 * A number, or a size that is known when the graph runs: a name ('batch', 'seq'), or a sum of products of names
 * ('3*seq', 'past+seq'). Equal sizes are equal strings, because sums and products are written in one order.
 */
export type Dim = number | string;
export type Shape = readonly Dim[];

interface Shaped {
  readonly shape: Shape;
}

/** a * b. */
export function timesDim(a: Dim, b: Dim): Dim {
  const terms = new Map<string, number>();
  for (const [x, m] of polynomial(a)) {
    for (const [y, n] of polynomial(b)) {
      const names = [...x.split('*'), ...y.split('*')].filter(Boolean).sort().join('*');
      terms.set(names, (terms.get(names) ?? 0) + m * n);
    }
  }
  return written(terms);
}

/** a + b. */
export function plusDim(a: Dim, b: Dim): Dim {
  const terms = polynomial(a);
  for (const [names, n] of polynomial(b)) terms.set(names, (terms.get(names) ?? 0) + n);
  return written(terms);
}

/** Products of names ('' for the number alone) with their factors. */
function polynomial(dim: Dim): Map<string, number> {
  if (typeof dim === 'number') return new Map([['', dim]]);
  return new Map(
    dim.split('+').map((term) => {
      const factors = term.split('*');
      const number = /^\d+$/.test(factors[0] as string) ? Number(factors.shift()) : 1;
      return [factors.join('*'), number];
    }),
  );
}

function written(terms: ReadonlyMap<string, number>): Dim {
  const left = [...terms].filter(([, n]) => n !== 0).sort(([a], [b]) => (a < b ? -1 : 1));
  if (left.length === 0) return 0;
  if (left.length === 1 && left[0]?.[0] === '') return left[0][1];
  return left.map(([names, n]) => (names === '' ? n : n === 1 ? names : `${n}*${names}`)).join('+');
}

/** The dimension at `axis`, counted from the end when negative. */
export function dimOf(tensor: Shaped, axis: number): Dim {
  const dim = tensor.shape[axis < 0 ? tensor.shape.length + axis : axis];
  if (dim === undefined) throw new CriaError(`no axis ${axis} in ${showShape(tensor.shape)}`, { kind: 'failure' });
  return dim;
}

/** The dimension at `axis` where it must be a number. */
export function sizeOf(tensor: Shaped, axis: number): number {
  const dim = dimOf(tensor, axis);
  if (typeof dim !== 'number') throw new CriaError(`axis ${axis} of ${showShape(tensor.shape)} is symbolic`);
  return dim;
}

/** The shape of an elementwise op on `a` and `b` by NumPy's broadcasting. @throws CriaError when they do not agree. */
export function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x === y || y === 1) return x;
    if (x === 1) return y;
    throw new CriaError(`shapes ${showShape(a)} and ${showShape(b)} do not broadcast`, { kind: 'failure' });
  });
}

export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}
