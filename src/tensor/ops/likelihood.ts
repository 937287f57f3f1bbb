import { apply1, declare, type Tensor } from '../tensor.ts';

/**
 * The log-probability of one class a row: logits [..., classes], ids i64 [...] -> [...], which is
 * logits[id] - log(sum(exp(logits))). Cross entropy is its negative mean.
 */
export function logLikelihood(logits: Tensor, ids: Tensor): Tensor {
  return apply1(logLikelihoodOp, [logits, ids]);
}

const lastAxis = [-1];

const logLikelihoodOp = declare({
  name: 'logLikelihood',
  infer: ([logits, ids]) => [{ dtype: (logits as Tensor).dtype, shape: (ids as Tensor).shape }],
  lower(onnx, [logits, ids]) {
    // the runtime's ReduceLogSumExp takes five times as long
    const axis = onnx.ints(lastAxis);
    const column = onnx.op('Unsqueeze', [ids as string, axis]);
    const all = onnx.op('LogSoftmax', [logits as string], { axis: -1 });
    return onnx.op('Squeeze', [onnx.op('GatherElements', [all, column], { axis: -1 }), axis]);
  },
  vjp: ([dy], { inputs: [logits, ids] }) => [
    apply1(logLikelihoodGradientOp, [dy as Tensor, logits as Tensor, ids as Tensor]),
    undefined,
  ],
  samples: [
    {
      inputs: [
        { shape: [2, 3, 4], range: [-2, 2] },
        { shape: [2, 3], dtype: 'i64', values: [1, 3, 0, 2, 2, 1] },
      ],
    },
  ],
});

/** dL/dlogits = dy (1[class = id] - softmax(logits)). */
const logLikelihoodGradientOp = declare({
  name: 'logLikelihoodGradient',
  infer: ([, logits]) => [logits as Tensor],
  lower(onnx, [dy, logits, ids]) {
    const axis = onnx.ints(lastAxis);
    const column = onnx.op('Unsqueeze', [dy as string, axis]);
    const spread = onnx.op('Mul', [onnx.op('Softmax', [logits as string], { axis: -1 }), onnx.op('Neg', [column])]);
    const at = onnx.op('Unsqueeze', [ids as string, axis]);
    return onnx.op('ScatterElements', [spread, at, column], { axis: -1, reduction: 'add' });
  },
  noGradient: 'it is a gradient; second derivatives are not needed',
  samples: [{ inputs: [{ shape: [2] }, { shape: [2, 4] }, { shape: [2], dtype: 'i64', values: [1, 3] }] }],
});
