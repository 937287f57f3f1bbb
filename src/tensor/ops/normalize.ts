import { apply1, declare, type Tensor } from '../tensor.ts';
import { add, div, mul, sqrt, sub } from './elementwise.ts';
import { mean, sum } from './reduce.ts';

/** exp(x) / sum(exp(x)) over the last axis. */
export function softmax(x: Tensor): Tensor {
  return apply1(softmaxOp, [x]);
}

const softmaxOp = declare({
  name: 'softmax',
  infer: ([x]) => [x as Tensor],
  lower: (onnx, names) => onnx.op('Softmax', names, { axis: -1 }),
  vjp: ([dy], { outputs: [y] }) => {
    const weighted = mul(dy as Tensor, y as Tensor);
    return [sub(weighted, mul(y as Tensor, sum(weighted, [-1], true)))];
  },
  samples: [{ inputs: [{ shape: [3, 4], range: [-2, 2] }] }],
});

/** log(softmax(x)) over the last axis. */
export function logSoftmax(x: Tensor): Tensor {
  return apply1(logSoftmaxOp, [x]);
}

const logSoftmaxOp = declare({
  name: 'logSoftmax',
  infer: ([x]) => [x as Tensor],
  lower: (onnx, names) => onnx.op('LogSoftmax', names, { axis: -1 }),
  vjp: ([dy], { inputs: [x] }) => [sub(dy as Tensor, mul(softmax(x as Tensor), sum(dy as Tensor, [-1], true)))],
  samples: [{ inputs: [{ shape: [3, 4], range: [-2, 2] }] }],
});

/** x / sqrt(mean(x^2) + epsilon) * weight over the last axis. (Zhang and Sennrich 2019) */
export function rmsNorm(x: Tensor, weight: Tensor, epsilon: number): Tensor {
  return apply1(rmsNormOp, [x, weight], { epsilon });
}

const rmsNormOp = declare({
  name: 'rmsNorm',
  infer: ([x]) => [x as Tensor],
  lower: (onnx, names, { attributes: { epsilon } }) =>
    onnx.op('SimplifiedLayerNormalization', names, { axis: -1, epsilon: { float: epsilon as number }, stash_type: 1 }),
  expand: ([x, weight], { epsilon }) => {
    const [value, gain] = [x as Tensor, weight as Tensor];
    const norm = sqrt(add(mean(mul(value, value), [-1], true), epsilon as number));
    return [mul(div(value, norm), gain)];
  },
  samples: [{ inputs: [{ shape: [2, 6] }, { shape: [6], range: [0.5, 1.5] }], attributes: { epsilon: 1e-5 } }],
});
