export const relaxations = ['threshold', 'successive'] as const;
export type Relaxation = (typeof relaxations)[number];

/** A soft mask and its derivative. */
export interface Relaxed {
  /** Between 0 and 1 with a threshold, in total k. */
  readonly values: Float64Array;
  /** The product of a gradient with the Jacobian of the values by the scores. */
  vjp(gradient: ArrayLike<number>): Float64Array;
}

/** The soft top-k mask of scores at a temperature, whose derivative stands in for that of the hard one. */
export function relaxed(kind: Relaxation, scores: ArrayLike<number>, k: number, temperature: number): Relaxed {
  return kind === 'threshold' ? threshold(scores, k, temperature) : successive(scores, k, temperature);
}

const bisections = 200; // far more than float64 has bits for

/**
 * sigmoid((z - t) / temperature), with t such that the total is k. The Jacobian is diag(w) - w w' / sum(w) with
 * w = s (1 - s) / temperature: symmetric, and its rows add up to 0.
 */
function threshold(scores: ArrayLike<number>, k: number, temperature: number): Relaxed {
  const z = Array.from(scores);
  if (k <= 0 || k >= z.length) return constant(z.length, k <= 0 ? 0 : 1);
  const far = 50 * temperature; // beyond it a sigmoid is 0 or 1
  let [low, high] = [Math.min(...z) - far, Math.max(...z) + far];
  const soft = (t: number) => z.map((x) => 1 / (1 + Math.exp((t - x) / temperature)));
  for (let i = 0; i < bisections; i++) {
    const middle = (low + high) / 2;
    if (soft(middle).reduce((sum, s) => sum + s, 0) > k) low = middle;
    else high = middle;
  }
  const values = Float64Array.from(soft((low + high) / 2));
  const w = values.map((s) => (s * (1 - s)) / temperature);
  const total = w.reduce((sum, each) => sum + each, 0);
  return {
    values,
    vjp(gradient) {
      const along = total > 0 ? w.reduce((sum, each, i) => sum + each * (gradient[i] as number), 0) / total : 0;
      return w.map((each, i) => each * ((gradient[i] as number) - along));
    },
  };
}

const leastRest = 1e-30;

/**
 * The sum of k softmaxes, each over what the ones before have left: a(1) = z, p(j) = softmax(a(j) / temperature),
 * a(j + 1) = a(j) + ln(1 - p(j)). (Xie and Ermon 2019) The smaller of the kept and the dropped set is relaxed.
 */
function successive(scores: ArrayLike<number>, k: number, temperature: number): Relaxed {
  const z = Float64Array.from(scores as ArrayLike<number>);
  if (k <= 0 || k >= z.length) return constant(z.length, k <= 0 ? 0 : 1);
  if (2 * k > z.length) {
    const dropped = successive(
      z.map((x) => -x),
      z.length - k,
      temperature,
    );
    return { values: dropped.values.map((s) => 1 - s), vjp: dropped.vjp }; // the two signs cancel
  }
  const rounds: Float64Array[] = [];
  const left = z.slice();
  for (let j = 0; j < k; j++) {
    const p = softmax(left.map((x) => x / temperature));
    for (const [i, each] of p.entries()) left[i] = (left[i] as number) + Math.log(Math.max(1 - each, leastRest));
    rounds.push(p);
  }
  return {
    values: z.map((_, i) => rounds.reduce((sum, p) => sum + (p[i] as number), 0)),
    vjp(gradient) {
      let ofLeft: Float64Array = new Float64Array(z.length);
      for (const p of rounds.toReversed()) {
        const ofP = p.map((each, i) => {
          const through = 1 - each > leastRest ? (ofLeft[i] as number) / (1 - each) : 0;
          return (gradient[i] as number) - through;
        });
        const along = p.reduce((sum, each, i) => sum + each * (ofP[i] as number), 0);
        ofLeft = ofLeft.map((each, i) => each + ((p[i] as number) * ((ofP[i] as number) - along)) / temperature);
      }
      return ofLeft;
    },
  };
}

function softmax(x: Float64Array): Float64Array {
  const largest = Math.max(...x);
  const masses = x.map((each) => Math.exp(each - largest));
  const total = masses.reduce((sum, mass) => sum + mass, 0);
  return masses.map((mass) => mass / total);
}

/** A mask that no score moves. */
const constant = (length: number, value: number): Relaxed => ({
  values: new Float64Array(length).fill(value),
  vjp: () => new Float64Array(length),
});
