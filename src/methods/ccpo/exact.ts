import { actionsOf, type Episode, isAllowed } from './episode.ts';

/**
 * The differentiable mask of an action: sigmoid((pi - kappa) / eps), which tends to 1[pi >= kappa] (CCPO, 3.3); or in
 * the logarithm, sigmoid((ln pi - ln kappa) / eps), which tells actions apart however small their probabilities are.
 */
export interface Softmask {
  readonly kappa: number;
  readonly eps: number;
  readonly scale: 'linear' | 'log';
}

/** The masks of probabilities, and the derivatives of each by its probability. Zero where an action is not allowed. */
export function softmask(episode: Episode, pi: Float64Array, { kappa, eps, scale }: Softmask) {
  const actions = actionsOf(episode);
  const masks = new Float64Array(pi.length);
  const slopes = new Float64Array(pi.length);
  for (const [i, node] of episode.nodes.entries()) {
    for (let a = 0; a < actions; a++) {
      if (!isAllowed(node, a)) continue;
      const at = i * actions + a;
      const p = pi[at] as number;
      const x = scale === 'linear' ? (p - kappa) / eps : (Math.log(p) - Math.log(kappa)) / eps;
      const mask = 1 / (1 + Math.exp(-x));
      masks[at] = mask;
      slopes[at] = (mask * (1 - mask)) / (scale === 'linear' ? eps : eps * p);
    }
  }
  return { masks, slopes };
}

/** A quantity of a question, and its derivatives by the masks [nodes, actions]. */
export interface Soft {
  readonly value: number;
  readonly gradient: Float64Array;
}

/** The quantities of a question when every action is independently in its set with the probability of its mask. */
export interface SoftOutcome {
  readonly cost: Soft;
  /** The probability that a right answer is in the set; 1 when there is none. */
  readonly coverage: Soft;
  /** The expected number of distinct answers. */
  readonly size: Soft;
}

/**
 * Cost, coverage and size with their derivatives, by recursion over the tree: exact for independent masks, and the true
 * indicators where masks are 0 or 1. (CCPO, section 3.11; a product over leaves as there counts shared ways twice.)
 */
export function softOutcome(episode: Episode, masks: Float64Array, withSize: boolean): SoftOutcome {
  return {
    cost: softCost(episode, masks),
    coverage: softCoverage(episode, masks),
    size: withSize ? softSize(episode, masks) : { value: 0, gradient: new Float64Array(masks.length) },
  };
}

/** The probability that each node is visited. */
function visits({ nodes }: Episode, masks: Float64Array, actions: number): Float64Array {
  const visit = new Float64Array(nodes.length);
  for (const [i, { parent, edge }] of nodes.entries()) {
    visit[i] = parent < 0 ? 1 : (visit[parent] as number) * (masks[parent * actions + edge] as number);
  }
  return visit;
}

function softCost(episode: Episode, masks: Float64Array): Soft {
  const actions = actionsOf(episode);
  const { nodes } = episode;
  const visit = visits(episode, masks, actions);
  const below = Float64Array.from(nodes, ({ cost }) => cost); // expected spend from a visited node on
  const gradient = new Float64Array(masks.length);
  for (let i = nodes.length - 1; i > 0; i--) {
    const { parent, edge } = nodes[i] as { parent: number; edge: number };
    const at = parent * actions + edge;
    below[parent] = (below[parent] as number) + (masks[at] as number) * (below[i] as number);
    gradient[at] = (visit[parent] as number) * (below[i] as number);
  }
  return { value: below[0] as number, gradient };
}

function softCoverage(episode: Episode, masks: Float64Array): Soft {
  const gradient = new Float64Array(masks.length);
  if (!episode.solvable) return { value: 1, gradient };
  const actions = actionsOf(episode);
  const { nodes } = episode;
  const missed = new Float64Array(nodes.length); // probability that nothing right is in the set below a visited node
  const succeeds = (i: number, a: number): number => {
    const child = nodes[i]?.children[a] ?? -1;
    if (child >= 0) return 1 - (missed[child] as number);
    return nodes[i]?.leaves[a]?.right ? 1 : 0;
  };
  for (let i = nodes.length - 1; i >= 0; i--) {
    let none = 1;
    for (let a = 0; a < actions; a++) none *= 1 - (masks[i * actions + a] as number) * succeeds(i, a);
    missed[i] = none;
  }
  const weight = new Float64Array(nodes.length); // derivative of the coverage by that of a node
  weight[0] = 1;
  for (const [i, { children }] of nodes.entries()) {
    for (let a = 0; a < actions; a++) {
      let others = weight[i] as number;
      for (let b = 0; b < actions; b++) {
        if (b !== a) others *= 1 - (masks[i * actions + b] as number) * succeeds(i, b);
      }
      gradient[i * actions + a] = others * succeeds(i, a);
      const child = children[a] ?? -1;
      if (child >= 0) weight[child] = others * (masks[i * actions + a] as number);
    }
  }
  return { value: 1 - (missed[0] as number), gradient };
}

/** Of leaves with one answer, one at least is in the set: taken as independent, exact where masks are 0 or 1. */
function softSize(episode: Episode, masks: Float64Array): Soft {
  const actions = actionsOf(episode);
  const { nodes } = episode;
  const visit = visits(episode, masks, actions);
  const leaves = nodes.flatMap(({ leaves }, i) =>
    leaves.flatMap((leaf, a) => (leaf ? [{ i, a, answer: leaf.answer }] : [])),
  );
  const absent = new Map<string, number>();
  const weightOf = (i: number, a: number) => (visit[i] as number) * (masks[i * actions + a] as number);
  for (const { i, a, answer } of leaves) absent.set(answer, (absent.get(answer) ?? 1) * (1 - weightOf(i, a)));
  const gradient = new Float64Array(masks.length);
  const byVisit = new Float64Array(nodes.length);
  for (const { i, a, answer } of leaves) {
    const same = leaves.filter((leaf) => leaf.answer === answer && (leaf.i !== i || leaf.a !== a));
    const others = same.reduce((product, leaf) => product * (1 - weightOf(leaf.i, leaf.a)), 1);
    gradient[i * actions + a] = others * (visit[i] as number);
    byVisit[i] = (byVisit[i] as number) + others * (masks[i * actions + a] as number);
  }
  for (let i = nodes.length - 1; i > 0; i--) {
    const { parent, edge } = nodes[i] as { parent: number; edge: number };
    const at = parent * actions + edge;
    gradient[at] = (byVisit[i] as number) * (visit[parent] as number);
    byVisit[parent] = (byVisit[parent] as number) + (byVisit[i] as number) * (masks[at] as number);
  }
  return { value: [...absent.values()].reduce((sum, product) => sum + 1 - product, 0), gradient };
}
