/**
 * What can be observed in a simulator: probabilities of histories. Stopping here covers `covered` of the `reach`; going
 * on costs `cost` a question and leads to one of the children.
 */
export interface HistoryNode {
  /** Probability of this history when nobody stops. */
  readonly reach: number;
  /** Probability of this history together with a right answer so far, or with none in any round. */
  readonly covered: number;
  /** Spend of one question on coming here. */
  readonly cost: number;
  readonly children: readonly HistoryNode[];
}

/** Mean spend and coverage of a policy. */
export interface Operating {
  readonly cost: number;
  readonly coverage: number;
}

const tolerance = 1e-12;

/**
 * The corners of the least cost at every coverage, over all policies that stop by the history, in order of coverage. It is
 * the linear program of the constrained Markov decision process, solved for one multiplier after another: between two
 * known corners the multiplier is their slope, until no better corner is found. Mixtures of two corners reach what lies
 * between them, so the frontier is convex.
 */
export function frontier(roots: readonly HistoryNode[]): Operating[] {
  const [cheapest, deepest] = [bestAt(roots, 0), bestAt(roots, Infinity)];
  return [cheapest, ...between(roots, cheapest, deepest), ...(isSame(cheapest, deepest) ? [] : [deepest])];
}

function between(roots: readonly HistoryNode[], low: Operating, high: Operating): Operating[] {
  if (high.coverage - low.coverage < tolerance) return [];
  const slope = (high.cost - low.cost) / (high.coverage - low.coverage);
  const found = bestAt(roots, slope);
  const gain = (point: Operating) => point.cost - slope * point.coverage;
  if (gain(found) > gain(low) - tolerance) return [];
  return [...between(roots, low, found), found, ...between(roots, found, high)];
}

/** The policy with the least cost - multiplier x coverage. Infinity: the highest coverage, then the least cost. */
function bestAt(roots: readonly HistoryNode[], multiplier: number): Operating {
  const solve = ({ covered, reach, cost, children }: HistoryNode): Operating => {
    const below = children.map(solve);
    const entering = reach * cost;
    const on = { cost: sumOf(below, 'cost'), coverage: sumOf(below, 'coverage') };
    const gained = on.coverage - covered;
    const goesOn = children.length > 0 && gained > tolerance && on.cost < multiplier * gained;
    return goesOn ? { cost: entering + on.cost, coverage: on.coverage } : { cost: entering, coverage: covered };
  };
  const all = roots.map(solve);
  return { cost: sumOf(all, 'cost'), coverage: sumOf(all, 'coverage') };
}

/** The least cost at a coverage: on the line between the two corners around it. Infinity when it is out of reach. */
export function leastCost(corners: readonly Operating[], coverage: number): number {
  const [first] = corners;
  if (!first || coverage <= first.coverage + tolerance) return first?.cost ?? Infinity;
  const above = corners.findIndex((corner) => corner.coverage >= coverage - tolerance);
  const [low, high] = [corners[above - 1], corners[above]];
  if (!low || !high) return Infinity;
  const share = (coverage - low.coverage) / (high.coverage - low.coverage);
  return low.cost + Math.min(1, share) * (high.cost - low.cost);
}

const sumOf = (points: readonly Operating[], key: keyof Operating): number =>
  points.reduce((sum, point) => sum + point[key], 0);

const isSame = (a: Operating, b: Operating): boolean => Math.abs(a.coverage - b.coverage) < tolerance;
