/** An answer that a branch may end with. */
export interface Leaf {
  readonly right: boolean;
  /** The normalised answer: equal texts count once in a set. */
  readonly answer: string;
}

/**
 * A point at which the policy acts. Every action either ends a branch with an answer or leads to another node; one that
 * does neither is not allowed here (NEXT in the last round).
 */
export interface DecisionNode {
  /** Counted from 1. */
  readonly round: number;
  /** The node before and the action that leads here; the root has parent -1. */
  readonly parent: number;
  readonly edge: number;
  readonly obs: readonly number[];
  /** Spent on coming here: the calls whose outputs the observation describes. */
  readonly cost: number;
  /** By action. */
  readonly leaves: readonly (Leaf | undefined)[];
  /** By action: the node that it leads to, or -1. */
  readonly children: readonly number[];
}

/**
 * One logged question: everything that any sequence of calls would have given (CCPO, section 3.4). Outputs of the models
 * do not depend on the policy, so one log to the full horizon answers for every policy.
 */
export interface Episode {
  readonly qid: string;
  /** Parents before children. Base and guide make a chain, one node a round; more models make a tree. */
  readonly nodes: readonly DecisionNode[];
  /** Whether some branch ends with a right answer. */
  readonly solvable: boolean;
}

/** The number of actions. */
export const actionsOf = ({ nodes }: Episode): number => nodes[0]?.leaves.length ?? 0;

/** Whether an action is allowed at a node. */
export const isAllowed = (node: DecisionNode, action: number): boolean =>
  node.leaves[action] !== undefined || (node.children[action] ?? -1) >= 0;

/** The spend of calling everything. */
export const fullCost = ({ nodes }: Episode): number => nodes.reduce((sum, { cost }) => sum + cost, 0);

/** What a node is made of, before its place in the tree is known. */
export interface Stage {
  /** Its place in the chain where it is not given. */
  readonly round?: number;
  readonly obs: readonly number[];
  readonly cost: number;
  readonly leaves: readonly (Leaf | undefined)[];
}

/** The chain of rounds in which the last action leads on to the next round. */
export function chain(qid: string, stages: readonly Stage[]): Episode {
  const nodes = stages.map((stage, i): DecisionNode => {
    const children = [...stage.leaves.map(() => -1), i + 1 < stages.length ? i + 1 : -1];
    return {
      ...stage,
      round: stage.round ?? i + 1,
      parent: i - 1,
      edge: stage.leaves.length,
      leaves: [...stage.leaves, undefined],
      children,
    };
  });
  return { qid, nodes, solvable: isSolvable(nodes) };
}

const isSolvable = (nodes: readonly DecisionNode[]): boolean =>
  nodes.some(({ leaves }) => leaves.some((leaf) => leaf?.right));
