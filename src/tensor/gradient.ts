import { CriaError } from '../base/index.ts';
import { showShape } from './dims.ts';
import { add } from './ops/elementwise.ts';
import { inputName, scalar } from './ops/leaves.ts';
import { expandTo } from './ops/shape.ts';
import { type Node, rewrite, type Tensor, topological } from './tensor.ts';

export interface Differentiated {
  /** The loss and the `also` tensors of the graph in which fused ops were written out where gradients pass. */
  readonly loss: Tensor;
  readonly also: readonly Tensor[];
  /** dL/dp for each parameter; undefined where the loss does not depend on it. */
  readonly gradients: readonly (Tensor | undefined)[];
}

/**
 * Reverse-mode differentiation of a scalar as a graph transformation: from a graph to a graph, no tape. Nodes that no
 * parameter reaches cost nothing. (Griewank and Walther 2008, chapter 3)
 * @throws CriaError when the loss is no scalar, or an op on the way has no gradient; the path to it is named.
 */
export function differentiate(
  loss: Tensor,
  parameters: readonly Tensor[],
  also: readonly Tensor[] = [],
): Differentiated {
  if (loss.shape.length > 0)
    throw new CriaError(`a loss of shape ${showShape(loss.shape)} is no scalar`, { kind: 'failure' });
  const [root, ...others] = writeOut([loss, ...also], new Set(parameters.map((parameter) => parameter.node)));
  const start = root as Tensor;
  const order = topological([start]);
  const active = reachedFrom(parameters, order);
  const gradients = new Map<Tensor, Tensor>([[start, scalar(1, start.dtype)]]);
  for (const node of order.reverse()) {
    if (!active.has(node) || node.inputs.length === 0) continue;
    const incoming = node.outputs.map((output) => gradients.get(output));
    if (incoming.every((gradient) => gradient === undefined)) continue;
    const wanted = node.inputs.map((input) => active.has(input.node));
    if (!wanted.includes(true)) continue; // a parameter: what it was made of is not asked for
    for (const [i, gradient] of vjpOf(node, order)(incoming, node, wanted).entries()) {
      const input = node.inputs[i] as Tensor;
      if (!gradient || !wanted[i]) continue;
      const sofar = gradients.get(input);
      gradients.set(input, sofar ? add(sofar, gradient) : gradient);
    }
  }
  return {
    loss: start,
    also: others,
    gradients: parameters.map((parameter) => {
      const gradient = gradients.get(parameter);
      return gradient && expandTo(gradient, parameter);
    }),
  };
}

/** Copies the graph with every fused op that has no gradient of its own, and needs one, written in primitive ops. */
function writeOut(roots: readonly Tensor[], parameters: ReadonlySet<Node>): Tensor[] {
  const depends = new Set<Node>(parameters);
  return rewrite(roots, (node, inputs) => {
    if (node.inputs.some((input) => depends.has(input.node))) depends.add(node);
    const fused = depends.has(node) && !node.op.vjp && node.op.expand;
    return fused ? fused(inputs, node.attributes) : undefined;
  });
}

/** The nodes on which a parameter has an influence. */
function reachedFrom(parameters: readonly Tensor[], order: readonly Node[]): Set<Node> {
  const reached = new Set(parameters.map((parameter) => parameter.node));
  for (const node of order) if (node.inputs.some((input) => reached.has(input.node))) reached.add(node);
  return reached;
}

function vjpOf(node: Node, order: readonly Node[]) {
  if (node.op.vjp) return node.op.vjp;
  const users = order.filter((user) => user.inputs.some((input) => input.node === node)).map((user) => user.op.name);
  const leaves = node.inputs.map((input) => inputName(input) ?? input.node.op.name);
  throw new CriaError(
    `no gradient flows through ${node.op.name}${node.op.noGradient ? ` (${node.op.noGradient})` : ''}, ` +
      `from ${users.join(', ') || 'the loss'} to ${leaves.join(', ')}`,
    { kind: 'failure' },
  );
}
