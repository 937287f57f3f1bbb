/** What the step of constrained policy optimisation is computed from. */
export interface StepProblem {
  /** Gradient of the cost, and of the constraint c + b x <= 0. */
  readonly g: Float64Array;
  readonly b: Float64Array;
  /** The constraint's value now: positive when it is violated. */
  readonly c: number;
  /** 0.5 x'Hx <= delta. */
  readonly delta: number;
  /** The product of H, which is positive definite, with a vector. */
  readonly product: (v: Float64Array) => Float64Array;
}

export interface Step {
  readonly x: Float64Array;
  /** Multipliers of the trust region and of the constraint. */
  readonly lambda: number;
  readonly nu: number;
  /** The constraint cannot be met within the region: the step only mends it. */
  readonly recovery: boolean;
}

/**
 * min g x subject to c + b x <= 0 and 0.5 x'Hx <= delta, by its dual in closed form (Achiam et al. 2017, appendix 10.2;
 * CCPO, section 3.7). H is inverted by conjugate gradients.
 */
export function cpoStep({ g, b, c, delta, product }: StepProblem, iterations = 10): Step {
  const hg = conjugateGradient(product, g, iterations);
  const hb = conjugateGradient(product, b, iterations);
  const [q, r, s] = [dot(g, hg), dot(g, hb), dot(b, hb)];
  const room = 2 * delta - (c * c) / s;
  const combined = (lambda: number, nu: number): Step => ({
    x: hg.map((each, i) => -(each + nu * (hb[i] as number)) / lambda),
    ...{ lambda, nu, recovery: false },
  });
  if (!(s > 1e-16) || (c < 0 && room < 0)) return combined(Math.sqrt(q / (2 * delta)), 0);
  if (room < 0) {
    const factor = Math.sqrt((2 * delta) / s);
    return { x: hb.map((each) => -factor * each), lambda: 0, nu: factor, recovery: true };
  }
  const rest = Math.max(0, q - (r * r) / s);
  const [active, inactive] = split(Math.sqrt(rest / room), Math.sqrt(q / (2 * delta)), r / c, c);
  const dualActive = (l: number) => -(rest / l + room * l) / 2 - (r * c) / s;
  const dualInactive = (l: number) => -(q / l + 2 * delta * l) / 2;
  const takesActive = inactive === undefined || (active !== undefined && dualActive(active) >= dualInactive(inactive));
  const lambda = Math.max(1e-12, (takesActive ? active : inactive) as number);
  return combined(lambda, Math.max(0, (lambda * c - r) / s));
}

/** The best multiplier where the constraint is active, and where it is not, each in its part of the half-line. */
function split(active: number, inactive: number, middle: number, c: number): [number | undefined, number | undefined] {
  if (!(middle > 0)) return c < 0 ? [undefined, inactive] : [active, undefined];
  return c < 0
    ? [Math.min(active, middle), Math.max(inactive, middle)]
    : [Math.max(active, middle), Math.min(inactive, middle)];
}

/** An approximate solution of H x = v by conjugate gradients (Hestenes and Stiefel 1952), in float64; H is positive definite. */
export function conjugateGradient(
  product: (v: Float64Array) => Float64Array,
  v: Float64Array,
  iterations: number,
): Float64Array {
  const x = new Float64Array(v.length);
  const residual = v.slice();
  let direction = v.slice();
  let square = dot(residual, residual);
  for (let i = 0; i < iterations && square > 1e-20; i++) {
    const along = product(direction);
    const step = square / dot(direction, along);
    for (let j = 0; j < x.length; j++) {
      x[j] = (x[j] as number) + step * (direction[j] as number);
      residual[j] = (residual[j] as number) - step * (along[j] as number);
    }
    const next = dot(residual, residual);
    const before = direction;
    direction = residual.map((each, j) => each + (next / square) * (before[j] as number));
    square = next;
  }
  return x;
}

/** The sum of products of two vectors. */
export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
