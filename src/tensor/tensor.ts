import type { Shape } from './dims.ts';
import type { Lower } from './onnx/writer.ts';

export type Dtype = 'f32' | 'f64' | 'f16' | 'i64' | 'i32' | 'u8' | 'i8' | 'bool';

export interface TensorType {
  readonly dtype: Dtype;
  readonly shape: Shape;
}

/** What an op is given besides tensors: plain data, part of the node's identity. */
export type Attributes = Readonly<Record<string, unknown>>;

/** One value of the symbolic language: the `index`-th output of a node. Immutable. */
export interface Tensor extends TensorType {
  readonly node: Node;
  readonly index: number;
}

export interface Node {
  readonly op: Op;
  readonly inputs: readonly Tensor[];
  readonly attributes: Attributes;
  readonly outputs: readonly Tensor[];
}

/** Inputs on which the property test differentiates an op: shapes, value ranges and attributes. */
export interface Sample {
  readonly inputs: readonly SampleInput[];
  readonly attributes?: Attributes;
}

export interface SampleInput {
  readonly shape: readonly number[];
  readonly dtype?: Dtype;
  /** Real values are uniform in [low, high); integers too. */
  readonly range?: readonly [number, number];
  /** Fixed values in place of random ones: indices, masks, axes. */
  readonly values?: readonly number[];
}

/**
 * An op is one declaration: what comes out, how ONNX says it, how a gradient flows back, and on what it is tested.
 * `expand` writes a fused op in primitive ones, from which its gradient follows where it declares none.
 */
export interface Op {
  readonly name: string;
  readonly infer: (inputs: readonly Tensor[], attributes: Attributes) => readonly TensorType[];
  readonly lower: Lower;
  readonly vjp?: Vjp;
  readonly expand?: (inputs: readonly Tensor[], attributes: Attributes) => readonly Tensor[];
  /** Why no gradient flows through this op, where that is by nature (comparisons, integer results). */
  readonly noGradient?: string;
  /** Its gradient is the identity's by convention, which finite differences do not see. */
  readonly straightThrough?: true;
  readonly samples: readonly Sample[];
}

/**
 * The vector-Jacobian product: from dL/d(output) of each output (undefined: nobody used it) to dL/d(input)
 * of each input (undefined: not differentiable there). `wanted` says which inputs lead to a parameter.
 */
export type Vjp = (
  gradients: readonly (Tensor | undefined)[],
  node: Node,
  wanted: readonly boolean[],
) => readonly (Tensor | undefined)[];

/** Every op that has been declared, by name: what the property test enumerates. */
export const ops = new Map<string, Op>();

/** Declares an op. @throws Error when the name is taken. */
export function declare(op: Op): Op {
  if (ops.has(op.name)) throw new Error(`the op ${op.name} is declared twice`);
  ops.set(op.name, op);
  return op;
}

/** Applies an op: a new node whose outputs have the inferred types. */
export function apply(op: Op, inputs: readonly Tensor[], attributes: Attributes = {}): readonly Tensor[] {
  const outputs: Tensor[] = [];
  const node: Node = { op, inputs, attributes, outputs };
  for (const [index, type] of op.infer(inputs, attributes).entries()) {
    outputs.push({ node, index, dtype: type.dtype, shape: type.shape });
  }
  return outputs;
}

/** Applies an op that has one output. */
export function apply1(op: Op, inputs: readonly Tensor[], attributes: Attributes = {}): Tensor {
  return apply(op, inputs, attributes)[0] as Tensor;
}

/** Nodes that `outputs` reach on ways that do not lead through `ends`, inputs before users. */
export function topological(outputs: readonly Tensor[], ends: ReadonlySet<Node> = new Set()): Node[] {
  const order: Node[] = [];
  const seen = new Set(ends);
  const stack: { node: Node; next: number }[] = [];
  for (const output of outputs) {
    if (!seen.has(output.node)) stack.push({ node: output.node, next: 0 });
    seen.add(output.node);
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as { node: Node; next: number };
      const child = top.node.inputs[top.next++];
      if (!child) {
        order.push(top.node);
        stack.pop();
      } else if (!seen.has(child.node)) {
        seen.add(child.node);
        stack.push({ node: child.node, next: 0 });
      }
    }
  }
  return order;
}

/**
 * Copies a graph, asking for each node, with its inputs already replaced, what its outputs become; undefined keeps
 * it. Nodes of which nothing changes are shared with the old graph.
 */
export function rewrite(
  roots: readonly Tensor[],
  outputsFor: (node: Node, inputs: readonly Tensor[]) => readonly Tensor[] | undefined,
): Tensor[] {
  const replaced = new Map<Tensor, Tensor>();
  const now = (tensor: Tensor) => replaced.get(tensor) ?? tensor;
  for (const node of topological(roots)) {
    const inputs = node.inputs.map(now);
    const changed = inputs.some((input, i) => input !== node.inputs[i]);
    const outputs = outputsFor(node, inputs) ?? (changed ? apply(node.op, inputs, node.attributes) : undefined);
    if (outputs) for (const [i, output] of node.outputs.entries()) replaced.set(output, outputs[i] as Tensor);
  }
  return roots.map(now);
}
