import { apply1, declare, type Tensor } from '../tensor.ts';
import { scalar } from './leaves.ts';
import { expandTo } from './shape.ts';

/**
 * Entries of the last axis, chosen row by row: x [..., n], ids i64 [..., k] -> [..., k], as torch.take_along_dim.
 * An entry may be taken more than once.
 */
export function takeAlong(x: Tensor, ids: Tensor): Tensor {
  return apply1(takeAlongOp, [x, ids]);
}

const takeAlongOp = declare({
  name: 'takeAlong',
  infer: ([x, ids]) => [{ dtype: (x as Tensor).dtype, shape: (ids as Tensor).shape }],
  lower: (onnx, names) => onnx.op('GatherElements', names, { axis: -1 }),
  vjp: ([dy], { inputs: [x, ids] }) => {
    const zeros = expandTo(scalar(0, (x as Tensor).dtype), x as Tensor);
    return [addAlong(zeros, ids as Tensor, dy as Tensor), undefined];
  },
  samples: [
    { inputs: [{ shape: [2, 4] }, { shape: [2, 3], dtype: 'i64', values: [3, 0, 3, 1, 2, 0] }] },
    { inputs: [{ shape: [2, 1, 3] }, { shape: [2, 1, 1], dtype: 'i64', values: [2, 0] }] },
  ],
});

/** x [..., n] with `entries` [..., k] added at `ids` i64 [..., k] of each row. */
function addAlong(x: Tensor, ids: Tensor, entries: Tensor): Tensor {
  return apply1(addAlongOp, [x, ids, entries]);
}

const addAlongOp = declare({
  name: 'addAlong',
  infer: ([x]) => [x as Tensor],
  lower: (onnx, names) => onnx.op('ScatterElements', names, { axis: -1, reduction: 'add' }),
  vjp: ([dy], { inputs: [, ids] }) => [dy, undefined, takeAlong(dy as Tensor, ids as Tensor)],
  samples: [
    { inputs: [{ shape: [2, 4] }, { shape: [2, 3], dtype: 'i64', values: [3, 0, 3, 1, 2, 0] }, { shape: [2, 3] }] },
  ],
});
