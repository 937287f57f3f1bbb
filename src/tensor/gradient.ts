import { CriaError } from '../base/index.ts';
import { showShape } from './dims.ts';
import { inputsOf, type Outputs } from './graph.ts';
import { inputName, scalar } from './ops/leaves.ts';
import { plus } from './ops/rows.ts';
import { expandTo } from './ops/shape.ts';
import { type Node, type Tensor, topological, type Vjp } from './tensor.ts';

/**
 * Reverse-mode differentiation of a scalar as a graph transformation: from a graph to a graph, no tape. The gradient of
 * each parameter, undefined where the loss does not depend on it. Nodes that no parameter reaches cost nothing. Inputs
 * of one name are one parameter: a tied embedding is read in two places. (Griewank and Walther 2008, chapter 3)
 * @throws CriaError when the loss is no scalar, or an op on the way has no gradient; the path to it is named.
 */
export function differentiate(loss: Tensor, parameters: readonly Tensor[]): readonly (Tensor | undefined)[] {
  if (loss.shape.length > 0)
    throw new CriaError(`the loss must be a scalar (got shape ${showShape(loss.shape)})`, { kind: 'failure' });
  const order = topological([loss]);
  const places = parameters.map((parameter) => placesOf(parameter, order));
  const sources = new Set(places.flat().map(({ node }) => node));
  const gradients = pullBack(order, [loss], [scalar(1, loss.dtype)], sources);
  return parameters.map((parameter, i) => {
    const found = (places[i] as readonly Tensor[]).flatMap((place) => gradients.get(place) ?? []);
    return found.length === 0 ? undefined : expandTo(found.reduce(plus), parameter);
  });
}

/** The name of a gradient among the results of a graph. */
export const gradientName = (name: string) => `d:${name}`;

/** A loss and its gradients with respect to those inputs of its graph that are wanted, by name. */
export function withGradients(loss: Tensor, isWanted: (name: string) => boolean): Outputs {
  const wanted = [...inputsOf({ loss })].filter(([name]) => isWanted(name));
  const gradients = differentiate(
    loss,
    wanted.map(([, tensor]) => tensor),
  );
  return {
    ...Object.fromEntries(wanted.map(([name], i) => [gradientName(name), gradients[i] as Tensor])),
    loss,
  };
}

/** Where a parameter stands in a graph: itself, and inputs of its name. */
function placesOf(parameter: Tensor, order: readonly Node[]): readonly Tensor[] {
  const name = inputName(parameter);
  if (name === undefined) return [parameter];
  const inputs = order.map((node) => node.outputs[0] as Tensor).filter((tensor) => inputName(tensor) === name);
  return [...new Set([parameter, ...inputs])];
}

/**
 * dL/dt of every tensor between `outputs`, whose gradients are `incoming`, and the sources, nodes of `order` (inputs
 * before users) that lead on to what is asked for.
 */
function pullBack(
  order: readonly Node[],
  outputs: readonly Tensor[],
  incoming: readonly (Tensor | undefined)[],
  sources: ReadonlySet<Node>,
): ReadonlyMap<Tensor, Tensor> {
  const active = reachedFrom(sources, order);
  const gradients = new Map<Tensor, Tensor>();
  const gather = (tensor: Tensor, gradient: Tensor) => {
    const sofar = gradients.get(tensor);
    gradients.set(tensor, sofar ? plus(sofar, gradient) : gradient);
  };
  for (const [i, gradient] of incoming.entries()) if (gradient) gather(outputs[i] as Tensor, gradient);
  for (const node of order.toReversed()) {
    const wanted = node.inputs.map((input) => active.has(input.node));
    if (!wanted.includes(true)) continue; // a leaf, or what a parameter was made of
    const given = node.outputs.map((output) => gradients.get(output));
    if (given.every((gradient) => gradient === undefined)) continue;
    for (const [i, gradient] of vjpOf(node, order)(given, node, wanted).entries()) {
      if (gradient && wanted[i]) gather(node.inputs[i] as Tensor, gradient);
    }
  }
  return gradients;
}

/** The nodes on which a source has an influence. */
function reachedFrom(sources: ReadonlySet<Node>, order: readonly Node[]): Set<Node> {
  const reached = new Set(sources);
  for (const node of order) if (node.inputs.some((input) => reached.has(input.node))) reached.add(node);
  return reached;
}

function vjpOf(node: Node, order: readonly Node[]): Vjp {
  if (node.op.vjp) return node.op.vjp;
  if (node.op.expand) return vjpByExpansion;
  const users = order.filter((user) => user.inputs.some((input) => input.node === node)).map((user) => user.op.name);
  const leaves = node.inputs.map((input) => inputName(input) ?? input.node.op.name);
  throw new CriaError(
    `no gradient flows through ${node.op.name}${node.op.noGradient ? ` (${node.op.noGradient})` : ''}, ` +
      `from ${users.join(', ') || 'the loss'} to ${leaves.join(', ')}`,
    { kind: 'failure' },
  );
}

/**
 * The gradient of a fused op is that of the primitive ops that it stands for. They are computed anew from its inputs
 * where it is needed: of the forward pass nothing is kept but those.
 */
const vjpByExpansion: Vjp = (incoming, node, wanted) => {
  const { inputs, attributes, op } = node;
  const written = op.expand?.(inputs, attributes) ?? [];
  const order = topological(written, new Set(inputs.map((input) => input.node)));
  const sources = new Set(inputs.filter((_, i) => wanted[i]).map((input) => input.node));
  const gradients = pullBack(order, written, incoming, sources);
  // an input that is given twice has one gradient
  return inputs.map((input, i) => (inputs.indexOf(input) === i ? gradients.get(input) : undefined));
};
