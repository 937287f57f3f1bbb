import { type ExternalWeight, externalFile, type OnnxWriter, onnxModel, type Place } from './onnx/writer.ts';
import { inputName } from './ops/leaves.ts';
import { type Node, rewrite, type Tensor, type TensorType, topological } from './tensor.ts';

/** Named results of a computation: the graph is what they reach. */
export type Outputs = Readonly<Record<string, Tensor>>;

/** A graph in ONNX, ready for a session. */
export interface LoweredGraph {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What has to be fed when it runs. */
  readonly inputs: ReadonlyMap<string, TensorType>;
  /** What is bound once, when the session is made. */
  readonly weights: ReadonlyMap<string, ExternalWeight>;
  readonly outputs: ReadonlyMap<string, TensorType>;
}

/** The inputs that a graph reads, by name. @throws Error when two of them share a name but not a type. */
export function inputsOf(outputs: Outputs): ReadonlyMap<string, Tensor> {
  const found = new Map<string, Tensor>();
  for (const node of topological(Object.values(outputs))) {
    const tensor = node.outputs[0] as Tensor;
    const name = inputName(tensor);
    if (name === undefined) continue;
    const other = found.get(name);
    if (other && (other.dtype !== tensor.dtype || String(other.shape) !== String(tensor.shape))) {
      throw new Error(`two inputs are named ${name}`);
    }
    found.set(name, other ?? tensor);
  }
  return found;
}

/** The same computation with inputs replaced, by name, by other tensors. */
export function substitute(root: Tensor, replacements: ReadonlyMap<string, Tensor>): Tensor {
  const [copy] = rewrite([root], (node) => {
    const replacement = replacements.get(inputName(node.outputs[0] as Tensor) ?? '');
    return replacement && [replacement];
  });
  return copy as Tensor;
}

/**
 * Lowers a graph to ONNX; equal subgraphs are written once. Inputs that `isWeight` names become external initializers.
 * `placeOf` says where their bytes will be; without it each has a file of its own.
 */
export function lower(
  outputs: Outputs,
  isWeight: (name: string) => boolean = () => false,
  placeOf: (weight: ExternalWeight) => Place = ({ name }) => ({ file: externalFile(name), offset: 0 }),
): LoweredGraph {
  const model = onnxModel();
  const inputs = new Map<string, TensorType>();
  const weights = new Map<string, ExternalWeight>();
  const names = new Map<Node, readonly string[]>();
  const written = new Map<string, readonly string[]>();

  for (const [name, tensor] of inputsOf(outputs)) {
    if (isWeight(name)) {
      const shape = tensor.shape as readonly number[];
      const weight = { name, dtype: tensor.dtype, shape, bytes: byteSize(tensor.dtype, shape) };
      weights.set(name, weight);
      model.external(weight, placeOf(weight));
    } else {
      inputs.set(name, tensor);
      model.input(name, tensor);
    }
  }
  for (const node of topological(Object.values(outputs))) {
    const leaf = inputName(node.outputs[0] as Tensor);
    const from = node.inputs.map((tensor) => names.get(tensor.node)?.[tensor.index] as string);
    names.set(node, leaf === undefined ? writeOnce(node, from, model.writer, written) : [leaf]);
  }
  for (const [name, tensor] of Object.entries(outputs)) {
    model.output(names.get(tensor.node)?.[tensor.index] as string, name, tensor);
  }
  return { bytes: model.bytes(), inputs, weights, outputs: new Map(Object.entries(outputs)) };
}

/** Bytes of a tensor of known shape. */
export function byteSize(dtype: TensorType['dtype'], shape: readonly number[]): number {
  const bytes = { f32: 4, f64: 8, f16: 2, i64: 8, i32: 4, u8: 1, i8: 1, bool: 1 }[dtype];
  return shape.reduce((product, dim) => product * dim, bytes);
}

/** Common subexpressions: a node with the same op, inputs and (plain) attributes as an earlier one is that one. */
function writeOnce(
  node: Node,
  from: readonly string[],
  onnx: OnnxWriter,
  written: Map<string, readonly string[]>,
): readonly string[] {
  const plain = !Object.values(node.attributes).some((value) => ArrayBuffer.isView(value));
  const attributes = () =>
    JSON.stringify(node.attributes, (_, value) => (typeof value === 'number' ? `${value}` : value));
  const key = plain ? `${node.op.name}(${from})${attributes()}${node.outputs.map((output) => output.shape)}` : '';
  const known = plain ? written.get(key) : undefined;
  if (known) return known;
  const result = node.op.lower(onnx, from, node);
  const names = typeof result === 'string' ? [result] : result;
  if (plain) written.set(key, names);
  return names;
}
