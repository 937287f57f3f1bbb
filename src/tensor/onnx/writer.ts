import { CriaError } from '../../base/index.ts';
import type { Dim, Shape } from '../dims.ts';
import type { Dtype, Node, TensorType } from '../tensor.ts';
import { type Field, message } from './protobuf.ts';

/** Says one node of ours in ONNX: from the names of its inputs to the names of its outputs. */
export type Lower = (onnx: OnnxWriter, inputs: readonly string[], node: Node) => string | readonly string[];

export type AttributeValue = number | string | readonly number[] | { readonly float: number };

/** Collects ONNX nodes; every method returns the name of what it adds. */
export interface OnnxWriter {
  /** Adds a node with one output. A name ending in '@ms' is an operator of the com.microsoft domain. */
  op(type: string, inputs: readonly string[], attributes?: Record<string, AttributeValue>): string;
  /** Adds a node with `count` outputs. */
  ops(type: string, inputs: readonly string[], count: number, attributes?: Record<string, AttributeValue>): string[];
  /** A vector of int64, as axes and shapes are given to ONNX; equal ones are stored once. */
  ints(values: readonly number[]): string;
  /** A scalar of the given dtype; equal ones are stored once. */
  scalar(value: number, dtype: Dtype): string;
  /** A tensor stored in the graph. */
  data(dtype: Dtype, shape: readonly number[], bytes: Uint8Array): string;
}

const opset = 21; // the newest of which every operator that we use has a CPU kernel in ONNX Runtime 1.30
const irVersion = 10;

/** TensorProto.DataType. */
const dataTypes: Readonly<Record<Dtype, number>> = { f32: 1, u8: 2, i8: 3, i32: 6, i64: 7, bool: 9, f16: 10, f64: 11 };

/** The ONNX number of a dtype, for Cast. */
export const dataTypeOf = (dtype: Dtype): number => dataTypes[dtype];

/** A weight that is stored outside the graph's bytes and given to the session from memory. */
export interface ExternalWeight extends TensorType {
  readonly name: string;
  readonly shape: readonly number[];
  readonly bytes: number;
}

/** Where a weight's bytes are, as the graph says it. */
export interface Place {
  readonly file: string;
  readonly offset: number;
}

/** Given from memory, every weight has a file name of its own: ONNX Runtime looks its bytes up by it. */
export const externalFile = (name: string): string => `${name}.bin`;

/** Accumulates the parts of one model and serialises them. */
export function onnxModel() {
  const nodes: OnnxNode[] = [];
  const initializers: Uint8Array[] = [];
  const inputs: Uint8Array[] = [];
  const outputs: Uint8Array[] = [];
  const shared = new Map<string, string>();
  const computed = new Set<string>();
  const renamed = new Map<string, string>();
  let counter = 0;

  const once = (key: string, make: () => string): string => {
    const known = shared.get(key) ?? make();
    shared.set(key, known);
    return known;
  };

  const writer: OnnxWriter = {
    op: (type, from, attributes) => writer.ops(type, from, 1, attributes)[0] as string,
    ops(type, from, count, attributes = {}) {
      const [opType = type, domain] = type.split('@');
      const names = Array.from({ length: count }, () => `%${counter++}`);
      for (const name of names) computed.add(name);
      nodes.push({ opType, domain: domain === 'ms' ? 'com.microsoft' : '', from, names, attributes });
      return names;
    },
    ints: (values) =>
      once(`ints ${values.join()}`, () =>
        writer.data('i64', [values.length], bytesOf(BigInt64Array.from(values, (value) => BigInt(value)))),
      ),
    scalar: (value, dtype) => once(`${dtype} ${value}`, () => writer.data(dtype, [], scalarBytes(value, dtype))),
    data(dtype, shape, bytes) {
      const name = `%${counter++}`;
      initializers.push(message([...tensorFields(dtype, shape), [8, name], [9, bytes]]));
      return name;
    },
  };

  return {
    writer,
    input: (name: string, type: TensorType) => void inputs.push(valueInfo(name, type)),
    /**
     * Makes a value the output `name`. The node that computes it is told to call it so: a result is then written
     * straight into the array that a run gives for it.
     */
    output(value: string, name: string, type: TensorType) {
      outputs.push(valueInfo(name, type));
      if (computed.has(value) && !renamed.has(value)) renamed.set(value, name);
      else nodes.push({ opType: 'Identity', domain: '', from: [value], names: [name], attributes: {} });
    },
    external(weight: ExternalWeight, place: Place) {
      const entry = (key: string, value: string): Field => {
        return [
          13,
          message([
            [1, key],
            [2, value],
          ]),
        ];
      };
      const external = [
        entry('location', place.file),
        entry('offset', String(place.offset)),
        entry('length', String(weight.bytes)),
      ];
      initializers.push(message([...tensorFields(weight.dtype, weight.shape), [8, weight.name], ...external, [14, 1]]));
    },
    /** ModelProto, of one GraphProto. */
    bytes(): Uint8Array<ArrayBuffer> {
      const nameOf = (value: string) => renamed.get(value) ?? value;
      const graph = message([
        ...nodes.map((node): Field => [1, nodeMessage(node, nameOf)]),
        [2, 'cria'],
        ...initializers.map((tensor): Field => [5, tensor]),
        ...inputs.map((info): Field => [11, info]),
        ...outputs.map((info): Field => [12, info]),
      ]);
      const opsets = [
        message([
          [1, ''],
          [2, opset],
        ]),
        message([
          [1, 'com.microsoft'],
          [2, 1],
        ]),
      ];
      return message([[1, irVersion], [2, 'cria'], [7, graph], ...opsets.map((each): Field => [8, each])]);
    },
  };
}

interface OnnxNode {
  readonly opType: string;
  readonly domain: string;
  readonly from: readonly string[];
  readonly names: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

/** NodeProto. */
function nodeMessage({ opType, domain, from, names, attributes }: OnnxNode, nameOf: (value: string) => string) {
  return message([
    ...from.map((value): Field => [1, nameOf(value)]),
    ...names.map((value): Field => [2, nameOf(value)]),
    [4, opType],
    ...Object.entries(attributes).map(([name, value]): Field => [5, message(attributeFields(name, value))]),
    [7, domain],
  ]);
}

/** dims and data_type of TensorProto. */
function tensorFields(dtype: Dtype, shape: readonly number[]): Field[] {
  return [...shape.map((dim): Field => [1, dim]), [2, dataTypes[dtype]]];
}

/**
 * The target of an ONNX Reshape from `from` to `to` as a vector of numbers: 0 copies a symbolic size that stays in
 * its place, and -1 stands for the one that does not.
 * @throws CriaError when two sizes would have to be inferred.
 */
export function reshapeTarget(from: Shape, to: Shape): number[] {
  const target = to.map((dim: Dim, i) => (typeof dim === 'number' ? dim : from[i] === dim ? 0 : -1));
  if (target.filter((dim) => dim === -1).length > 1) {
    throw new CriaError(`a reshape from [${from}] to [${to}] has more than one unknown size`, { kind: 'failure' });
  }
  return target;
}

/** ValueInfoProto, of a TypeProto.Tensor and its TensorShapeProto. */
function valueInfo(name: string, { dtype, shape }: TensorType): Uint8Array {
  const dims = shape.map((size): Field => [1, message([typeof size === 'number' ? [1, size] : [2, size]])]);
  const tensor = message([
    [1, dataTypes[dtype]],
    [2, message(dims)],
  ]);
  return message([
    [1, name],
    [2, message([[1, tensor]])],
  ]);
}

/** AttributeProto. */
function attributeFields(name: string, value: AttributeValue): Field[] {
  if (typeof value === 'string')
    return [
      [1, name],
      [4, value],
      [20, 3],
    ];
  if (typeof value === 'number')
    return [
      [1, name],
      [3, value],
      [20, 2],
    ];
  if ('float' in value)
    return [
      [1, name],
      [2, value],
      [20, 1],
    ];
  return [[1, name], ...value.map((item): Field => [8, item]), [20, 7]];
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function scalarBytes(value: number, dtype: Dtype): Uint8Array {
  switch (dtype) {
    case 'f32':
      return bytesOf(Float32Array.of(value));
    case 'f64':
      return bytesOf(Float64Array.of(value));
    case 'i64':
      return bytesOf(BigInt64Array.of(BigInt(value)));
    case 'i32':
      return bytesOf(Int32Array.of(value));
    case 'bool':
    case 'u8':
      return Uint8Array.of(value);
    case 'i8':
      return bytesOf(Int8Array.of(value));
    default:
      throw new CriaError(`scalar constants of type ${dtype} are not supported`, { kind: 'failure' });
  }
}
