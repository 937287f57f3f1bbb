import { type CompileOptions, compile, type Value, value } from '../../engine/index.ts';
import type { Mask } from '../../linalg/index.ts';
import { openCholesky } from '../../linalg/index.ts';
import {
  add,
  cast,
  div,
  greater,
  input,
  matmul,
  mul,
  neg,
  scalar,
  sub,
  sum,
  type Tensor,
  where,
} from '../../tensor/index.ts';
import { type Floats, plusDiagonal } from './problem.ts';

/** The state of a splitting: `a` is W + V / rho of one problem or of several [problems, out, in], `kept` the support of D. */
export interface Splitting {
  readonly a: Float32Array;
  readonly kept: Mask;
}

/** The products of layer problems, compiled once for matrices of any size. */
export interface LayerEngine {
  /** a b. */
  product(a: Floats, b: Floats): Promise<Floats>;
  /** c - a b. */
  downdate(c: Floats, a: Floats, b: Floats): Promise<Floats>;
  /**
   * One iteration of the splitting up to its projection: with D = a on the support and V = rho (a - D) off it,
   * W = (G - V + rho' D) (H + rho' I)^-1 and a' = W + V / rho'. `g` is What H [out, in] of all problems. The result is
   * written into `into`.
   */
  split(
    state: Splitting,
    g: Floats,
    inverse: Floats,
    rho: { readonly before: number; readonly now: number },
    into: Float32Array,
  ): Promise<void>;
  /**
   * At most `iterations` of conjugate gradients on the kept entries, every output by itself: it minimises
   * tr((W - What) H (W - What)^T) from `start`, where H has a unit diagonal, so that Jacobi's preconditioner is the identity.
   */
  refine(start: Floats, kept: Mask, g: Floats, moment: Floats, iterations: number): Promise<Floats>;
  /** The inverses of H + rho I for one H; those of the last penalties are kept, because matrices of one input share them. */
  inverses(moment: Floats): (rho: number) => Promise<Floats>;
  /** The upper triangular U with U^T U = H^-1. @throws NotPositiveDefinite */
  inverseFactor(moment: Floats): Promise<Floats>;
  dispose(): Promise<void>;
}

const tolerance = 1e-4; // of the first residual: ALPS, the authors' code
const keptInverseBytes = 256 * 2 ** 20;

export async function openLayerEngine(options: CompileOptions = {}): Promise<LayerEngine> {
  const [left, right] = [input('a', 'f32', ['m', 'k']), input('b', 'f32', ['k', 'n'])];
  const programs = {
    product: await compile({ y: matmul(left, right) }, options),
    downdate: await compile({ y: sub(input('c', 'f32', ['m', 'n']), matmul(left, right)) }, options),
    split: await compile({ next: splitGraph() }, options),
    gradient: await compile(gradientGraph(), options),
    descend: await compile(descentGraph(), options),
  };
  const cholesky = await openCholesky('f32', options);
  const fed = ({ rows, columns, data }: Floats): Value => value('f32', [rows, columns], data);
  const got = (y: Value | undefined): Floats => {
    const {
      shape: [rows = 0, columns = 0],
      data,
    } = y as Value<'f32'>;
    return { rows, columns, data };
  };
  return {
    product: async (a, b) => got((await programs.product.run({ a: fed(a), b: fed(b) })).y),
    downdate: async (c, a, b) => got((await programs.downdate.run({ a: fed(a), b: fed(b), c: fed(c) })).y),
    async split({ a, kept }, g, inverse, { before, now }, into) {
      const shape = [a.length / g.data.length, g.rows, g.columns];
      await programs.split.run(
        {
          ...{ a: value('f32', shape, a), kept: value('bool', shape, kept), g: fed(g), inverse: fed(inverse) },
          ...{ before: value('f32', [], Float32Array.of(before)), now: value('f32', [], Float32Array.of(now)) },
        },
        { next: value('f32', shape, into) },
      );
    },
    async refine(start, kept, g, moment, iterations) {
      const fixed = { kept: value('bool', [start.rows, start.columns], kept), moment: fed(moment) };
      const { residual, squared } = await programs.gradient.run({ weights: fed(start), g: fed(g), ...fixed });
      const whole = totalOf(squared);
      let state: Record<string, Value | undefined> = { weights: fed(start), residual, direction: residual, squared };
      for (let i = 0; i < iterations && totalOf(state.squared) > tolerance ** 2 * whole; i++) {
        const { nextWeights, nextResidual, nextDirection, nextSquared } = await programs.descend.run({
          ...(state as Record<string, Value>),
          ...fixed,
        });
        state = { weights: nextWeights, residual: nextResidual, direction: nextDirection, squared: nextSquared };
      }
      return got(state.weights);
    },
    inverses(moment) {
      const known = new Map<number, Floats>();
      const most = Math.max(1, Math.floor(keptInverseBytes / moment.data.byteLength));
      return async (rho) => {
        const found = known.get(rho);
        if (found) return found;
        const made = await cholesky.inverse(plusDiagonal(moment, rho));
        if (known.size >= most) known.delete(known.keys().next().value as number);
        known.set(rho, made);
        return made;
      };
    },
    inverseFactor: (moment) => cholesky.inverseFactor(moment),
    async dispose() {
      await Promise.all([...Object.values(programs).map((program) => program.dispose()), cholesky.dispose()]);
    },
  };
}

const totalOf = (squared: Value | undefined): number =>
  ((squared as Value<'f32'>).data as Float32Array).reduce((total, x) => total + x, 0);

function splitGraph(): Tensor {
  const [a, kept] = [input('a', 'f32', ['p', 'd', 'c']), input('kept', 'bool', ['p', 'd', 'c'])];
  const [before, now] = [input('before', 'f32', []), input('now', 'f32', [])];
  const target = add(input('g', 'f32', ['d', 'c']), where(kept, mul(a, now), mul(a, neg(before))));
  const dual = where(kept, scalar(0), mul(a, div(before, now)));
  return add(matmul(target, input('inverse', 'f32', ['c', 'c'])), dual);
}

const perOutput = (x: Tensor): Tensor => sum(x, [-1], true);
const onlyKept = (x: Tensor): Tensor => mul(x, cast(input('kept', 'bool', ['d', 'c']), 'f32'));
const matrixInput = (name: string): Tensor => input(name, 'f32', ['d', 'c']);
const momentInput = (): Tensor => input('moment', 'f32', ['c', 'c']);

/** The residual (What - W) H on the kept entries, and its squared length by output. */
function gradientGraph() {
  const residual = onlyKept(sub(matrixInput('g'), matmul(matrixInput('weights'), momentInput())));
  return { residual, squared: perOutput(mul(residual, residual)) };
}

/** An output whose entries are all pruned has nothing to divide by: it stays. */
function descentGraph() {
  const [residual, direction] = [matrixInput('residual'), matrixInput('direction')];
  const squared = input('squared', 'f32', ['d', 1]);
  const curved = matmul(direction, momentInput());
  const step = quotient(squared, perOutput(mul(direction, curved)));
  const nextResidual = onlyKept(sub(residual, mul(step, curved)));
  const nextSquared = perOutput(mul(nextResidual, nextResidual));
  return {
    nextWeights: add(matrixInput('weights'), mul(step, direction)),
    nextResidual,
    nextSquared,
    nextDirection: add(nextResidual, mul(quotient(nextSquared, squared), direction)),
  };
}

const quotient = (a: Tensor, b: Tensor): Tensor => {
  const isPositive = greater(b, 0);
  return where(isPositive, div(a, where(isPositive, b, scalar(1))), scalar(0));
};

/**
 * tr((W - What) H (W - What)^T), the squared error of a layer's outputs on the inputs of which H is the second moment
 * X^T X. The product is in float32, the sum in float64.
 */
export async function layerError(engine: LayerEngine, weights: Floats, dense: Floats, moment: Floats): Promise<number> {
  const difference = { ...dense, data: new Float32Array(dense.data.length) };
  for (let i = 0; i < dense.data.length; i++) {
    difference.data[i] = (weights.data[i] as number) - (dense.data[i] as number);
  }
  const { data } = await engine.product(difference, moment);
  let total = 0;
  for (let i = 0; i < data.length; i++) total += (data[i] as number) * (difference.data[i] as number);
  return total;
}
