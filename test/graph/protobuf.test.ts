/** The bytes of graphs, read back with the schema of ONNX by a protobuf library. */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { message } from '../../src/tensor/onnx/protobuf.ts';
import { onnxModel } from '../../src/tensor/onnx/writer.ts';
import { AttributeProtoSchema, ModelProtoSchema, TensorProtoSchema } from './onnx_pb.ts';

test('a model has the fields of ONNX, and no byte beside them', () => {
  const model = onnxModel();
  model.input('x', { dtype: 'f32', shape: ['rows', 3] });
  model.external({ name: 'w', dtype: 'u8', shape: [3, 300], bytes: 900 }, { file: 'w.bin', offset: 2 ** 33 });
  const { writer } = model;
  const axes = writer.ints([-1, 0, 2 ** 40]);
  const [y, z] = writer.ops('Op@ms', ['x', 'w', '', axes], 2, { n: -3, text: 'µ', list: [1, -2], f: { float: 0.1 } });
  model.output(y as string, 'y', { dtype: 'f64', shape: [] });
  model.output('x', 'same', { dtype: 'f32', shape: ['rows', 3] });
  const bytes = model.bytes();
  const read = fromBinary(ModelProtoSchema, bytes);
  expect(toBinary(ModelProtoSchema, read)).toEqual(bytes);
  const graph = read.graph as NonNullable<typeof read.graph>;
  expect([read.irVersion, read.producerName]).toEqual([10n, 'cria']);
  expect(read.opsetImport.map(({ domain, version }) => [domain, version])).toEqual([
    ['', 21n],
    ['com.microsoft', 1n],
  ]);
  const [op, identity] = graph.node;
  expect([op?.opType, op?.domain, op?.input, op?.output]).toEqual([
    'Op',
    'com.microsoft',
    ['x', 'w', '', axes],
    ['y', z],
  ]);
  expect(
    op?.attribute.map(({ name, type, i, s, ints, f }) => [name, type, i, String(s && Buffer.from(s)), ints, f]),
  ).toEqual([
    ['n', 2, -3n, '', [], 0],
    ['text', 3, 0n, 'µ', [], 0],
    ['list', 7, 0n, '', [1n, -2n], 0],
    ['f', 1, 0n, '', [], Math.fround(0.1)],
  ]);
  expect([identity?.opType, identity?.domain, identity?.input, identity?.output]).toEqual([
    'Identity',
    '',
    ['x'],
    ['same'],
  ]);
  const weight = graph.initializer.find(({ name }) => name === 'w');
  expect([weight?.dims, weight?.dataType, weight?.dataLocation]).toEqual([[3n, 300n], 2, 1]);
  expect(weight?.externalData.map(({ key, value }) => `${key} ${value}`)).toEqual([
    'location w.bin',
    `offset ${2 ** 33}`,
    'length 900',
  ]);
  const ints = graph.initializer.find(({ name }) => name === axes)?.rawData ?? new Uint8Array();
  expect([...new BigInt64Array(ints.slice().buffer)]).toEqual([-1n, 0n, BigInt(2 ** 40)]);
  const type = graph.input[0]?.type?.value;
  const shape = type?.case === 'tensorType' ? type.value.shape?.dim.map(({ value }) => value.value) : undefined;
  expect(shape).toEqual(['rows', 3n]);
});

test('integers, lengths and floats of any size are read back', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), fc.float({ noNaN: true }), fc.string({ maxLength: 300 }), (i, float, name) => {
      const read = fromBinary(
        AttributeProtoSchema,
        message([
          [1, name],
          [2, { float }],
          [3, i],
        ]),
      );
      expect([read.name, read.f, read.i]).toEqual([Buffer.from(name).toString(), float, BigInt(i)]);
    }),
  );
  const raw = new Uint8Array(70_000).fill(7);
  expect(fromBinary(TensorProtoSchema, message([[9, raw]])).rawData).toEqual(raw);
});
