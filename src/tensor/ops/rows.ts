import { apply1, declare, type Tensor } from '../tensor.ts';
import { add } from './elementwise.ts';
import { scalar } from './leaves.ts';
import { expandTo } from './shape.ts';

/** Rows of a table: table [rows, ...rest], ids i64 of any shape -> [...ids.shape, ...rest]. */
export function gather(table: Tensor, ids: Tensor): Tensor {
  return apply1(gatherOp, [table, ids]);
}

const gatherOp = declare({
  name: 'gather',
  infer: ([table, ids]) => [
    { dtype: (table as Tensor).dtype, shape: [...(ids as Tensor).shape, ...(table as Tensor).shape.slice(1)] },
  ],
  lower: (onnx, names) => onnx.op('Gather', names, { axis: 0 }),
  vjp: ([dy], { inputs: [table, ids] }) => {
    const zeros = expandTo(scalar(0, (table as Tensor).dtype), table as Tensor);
    return [addRows(zeros, ids as Tensor, dy as Tensor), undefined];
  },
  samples: [{ inputs: [{ shape: [4, 3] }, { shape: [2, 2], dtype: 'i64', values: [1, 3, 1, 0] }] }],
});

/** x [rows, ...rest] with `rows` [..., ...rest] added at the rows `ids` i64 [...]. */
function addRows(x: Tensor, ids: Tensor, rows: Tensor): Tensor {
  return apply1(addRowsOp, [x, ids, rows]);
}

const addRowsOp = declare({
  name: 'addRows',
  infer: ([x]) => [x as Tensor],
  lower: (onnx, [x, ids, rows]) =>
    onnx.op('ScatterND', [x as string, onnx.op('Unsqueeze', [ids as string, onnx.ints([-1])]), rows as string], {
      reduction: 'add',
    }),
  vjp: ([dy], { inputs: [, ids] }) => [dy, undefined, gather(dy as Tensor, ids as Tensor)],
  samples: [{ inputs: [{ shape: [4, 2] }, { shape: [3], dtype: 'i64', values: [2, 0, 2] }, { shape: [3, 2] }] }],
});

/** a + b, where rows that one of them adds to zeros are added to the other: a table of zeros is not made. */
export function plus(a: Tensor, b: Tensor): Tensor {
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const [into, ids, rows] = one.node.inputs;
    if (one.node.op === addRowsOp && isZero(into as Tensor)) return addRows(other, ids as Tensor, rows as Tensor);
  }
  return add(a, b);
}

/** Whether it is zero everywhere by the way it was made. */
const isZero = ({ node: { op, inputs, attributes } }: Tensor): boolean =>
  op.name.startsWith('expand') ? isZero(inputs[0] as Tensor) : op.name === 'scalar' && attributes.value === 0;
