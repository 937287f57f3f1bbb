import { create, toBinary } from '@bufbuild/protobuf';
import { CriaError } from '../../base/index.ts';
import type { Dim, Shape } from '../dims.ts';
import type { Dtype, Node, TensorType } from '../tensor.ts';
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './onnx_pb.ts';

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
const irVersion = 10n;

const dataTypes: Record<Dtype, DataType> = {
  f32: DataType.FLOAT,
  f64: DataType.DOUBLE,
  f16: DataType.FLOAT16,
  i64: DataType.INT64,
  i32: DataType.INT32,
  u8: DataType.UINT8,
  i8: DataType.INT8,
  bool: DataType.BOOL,
};

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
  const nodes: NodeProto[] = [];
  const initializers: TensorProto[] = [];
  const inputs: ValueInfoProto[] = [];
  const outputs: ValueInfoProto[] = [];
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
      nodes.push(
        create(NodeProtoSchema, {
          opType,
          domain: domain === 'ms' ? 'com.microsoft' : '',
          input: [...from],
          output: names,
          attribute: Object.entries(attributes).map(([name, value]) => attributeProto(name, value)),
        }),
      );
      return names;
    },
    ints: (values) =>
      once(`ints ${values.join()}`, () =>
        writer.data('i64', [values.length], bytesOf(BigInt64Array.from(values, (value) => BigInt(value)))),
      ),
    scalar: (value, dtype) => once(`${dtype} ${value}`, () => writer.data(dtype, [], scalarBytes(value, dtype))),
    data(dtype, shape, bytes) {
      const name = `%${counter++}`;
      initializers.push(
        create(TensorProtoSchema, {
          name,
          dataType: dataTypes[dtype],
          dims: shape.map((dim) => BigInt(dim)),
          rawData: bytes,
        }),
      );
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
      else nodes.push(create(NodeProtoSchema, { opType: 'Identity', input: [value], output: [name] }));
    },
    external(weight: ExternalWeight, place: Place) {
      const entry = (key: string, value: string) => ({ key, value });
      initializers.push(
        create(TensorProtoSchema, {
          name: weight.name,
          dataType: dataTypes[weight.dtype],
          dims: weight.shape.map((dim) => BigInt(dim)),
          dataLocation: TensorProto_DataLocation.EXTERNAL,
          externalData: [
            entry('location', place.file),
            entry('offset', String(place.offset)),
            entry('length', String(weight.bytes)),
          ],
        }),
      );
    },
    bytes(): Uint8Array<ArrayBuffer> {
      const nameOf = (value: string) => renamed.get(value) ?? value;
      for (const node of nodes) {
        node.input = node.input.map(nameOf);
        node.output = node.output.map(nameOf);
      }
      return toBinary(
        ModelProtoSchema,
        create(ModelProtoSchema, {
          irVersion,
          producerName: 'cria',
          opsetImport: [
            { domain: '', version: BigInt(opset) },
            { domain: 'com.microsoft', version: 1n },
          ],
          graph: create(GraphProtoSchema, {
            name: 'cria',
            node: nodes,
            initializer: initializers,
            input: inputs,
            output: outputs,
          }),
        }),
      ) as Uint8Array<ArrayBuffer>;
    },
  };
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

function valueInfo(name: string, type: TensorType): ValueInfoProto {
  const dim = type.shape.map((size) => ({
    value:
      typeof size === 'number'
        ? { case: 'dimValue' as const, value: BigInt(size) }
        : { case: 'dimParam' as const, value: size },
  }));
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: 'tensorType', value: { elemType: dataTypes[type.dtype], shape: { dim } } } },
  });
}

function attributeProto(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === 'string') {
    return create(AttributeProtoSchema, { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) });
  }
  if (typeof value === 'number')
    return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value) });
  if ('float' in value) return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: value.float });
  return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: value.map((item) => BigInt(item)) });
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
