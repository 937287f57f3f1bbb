import { broadcast, type Dim, dimOf, timesDim } from '../dims.ts';
import { apply1, declare, type Tensor } from '../tensor.ts';
import { sumTo } from './reduce.ts';
import { reshape, transpose } from './shape.ts';

interface MatmulAttributes {
  /** Read a (b) with its last two axes swapped. */
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** The product is multiplied by it. */
  readonly scale?: number;
}

/** scale * a b over the last two axes, leading axes broadcast: [..., m, k] x [..., k, n] -> [..., m, n]. */
export function matmul(a: Tensor, b: Tensor, attributes: MatmulAttributes = {}): Tensor {
  return apply1(matmulOp, [a, b], { ...attributes });
}

const swapLast = (rank: number) => [...Array(rank - 2).keys(), rank - 1, rank - 2];

const matmulOp = declare({
  name: 'matmul',
  infer([a, b], attributes) {
    const [x, y] = [a as Tensor, b as Tensor];
    const rows = dimOf(x, attributes.transA ? -1 : -2);
    const columns = dimOf(y, attributes.transB ? -2 : -1);
    const [inner, innerB] = [dimOf(x, attributes.transA ? -2 : -1), dimOf(y, attributes.transB ? -1 : -2)];
    if (inner !== innerB) throw new Error(`matmul: the inner sizes ${inner} and ${innerB} differ`);
    return [{ dtype: x.dtype, shape: [...broadcast(x.shape.slice(0, -2), y.shape.slice(0, -2)), rows, columns] }];
  },
  lower(onnx, [a, b], { inputs: [x, y], attributes }) {
    const { transA, transB, scale = 1 } = attributes as MatmulAttributes;
    if ((x as Tensor).dtype === 'f32') {
      if (!transA && !transB && scale === 1) return onnx.op('MatMul', [a as string, b as string]);
      return onnx.op('FusedMatMul@ms', [a as string, b as string], {
        transA: transA ? 1 : 0,
        transB: transB ? 1 : 0,
        alpha: { float: scale },
      });
    }
    // the fused kernel exists in float32 only; other dtypes occur in tests of gradients
    const turned = (name: string, tensor: Tensor, turn: boolean | undefined) =>
      turn ? onnx.op('Transpose', [name], { perm: swapLast(tensor.shape.length) }) : name;
    const product = onnx.op('MatMul', [
      turned(a as string, x as Tensor, transA),
      turned(b as string, y as Tensor, transB),
    ]);
    return scale === 1 ? product : onnx.op('Mul', [product, onnx.scalar(scale, (x as Tensor).dtype)]);
  },
  vjp([gradient], { inputs, attributes }, wanted) {
    const [a, b] = inputs as readonly [Tensor, Tensor];
    const { transA, transB, scale } = attributes as MatmulAttributes;
    const dy = gradient as Tensor;
    // a weight shared by every leading axis: fold those into one product instead of summing many
    if (b.shape.length === 2 && a.shape.length > 2 && !transA) {
      const fold = (x: Tensor) => reshape(x, [x.shape.slice(0, -1).reduce(timesDim, 1), dimOf(x, -1)]);
      const [rows, drows] = [fold(a), fold(dy)];
      const db = transB
        ? () => matmul(drows, rows, { transA: true, scale })
        : () => matmul(rows, drows, { transA: true, scale });
      return [wanted[0] ? matmul(dy, b, { transB: !transB, scale }) : undefined, wanted[1] ? db() : undefined];
    }
    const da = () =>
      transA ? matmul(b, dy, { transA: transB, transB: true, scale }) : matmul(dy, b, { transB: !transB, scale });
    const db = () =>
      transB ? matmul(dy, a, { transA: true, transB: transA, scale }) : matmul(a, dy, { transA: !transA, scale });
    return [wanted[0] ? sumTo(da(), a.shape) : undefined, wanted[1] ? sumTo(db(), b.shape) : undefined];
  },
  samples: [
    { inputs: [{ shape: [2, 3] }, { shape: [3, 4] }] },
    { inputs: [{ shape: [2, 3] }, { shape: [4, 3] }], attributes: { transB: true, scale: 0.5 } },
    { inputs: [{ shape: [3, 2] }, { shape: [3, 4] }], attributes: { transA: true } },
    { inputs: [{ shape: [3, 2] }, { shape: [4, 3] }], attributes: { transA: true, transB: true } },
    { inputs: [{ shape: [2, 3, 2, 4] }, { shape: [2, 1, 4, 3] }] },
    { inputs: [{ shape: [2, 3, 4] }, { shape: [5, 4] }], attributes: { transB: true } },
    { inputs: [{ shape: [2, 3, 3] }, { shape: [3, 5] }], attributes: { transA: true } },
    { inputs: [{ shape: [2, 3, 4] }, { shape: [4, 5] }] },
  ],
});

/** A linear layer without bias: x [..., in] times weight [out, in] transposed -> [..., out]. */
export function linear(x: Tensor, weight: Tensor): Tensor {
  return matmul(x, weight, { transB: true });
}

/**
 * The two products of attention over keys or values that are laid out position by position, as a cache grows:
 * y [total, batch, keyValueHeads, 1, size].
 * 'size': queries x [seq, batch, keyValueHeads, group, size] -> scores [batch, keyValueHeads, group, seq, total].
 * 'positions': weights x [batch, keyValueHeads, group, seq, total] -> [batch, keyValueHeads, group, seq, size].
 */
export function matmulByPosition(x: Tensor, y: Tensor, over: 'size' | 'positions'): Tensor {
  return apply1(matmulByPositionOp, [x, y], { over });
}

const matmulByPositionOp = declare({
  name: 'matmulByPosition',
  infer([x, y], { over }) {
    const { dtype, shape } = x as Tensor;
    const [total, size] = [dimOf(y as Tensor, 0), dimOf(y as Tensor, 4)];
    if (over === 'positions') return [{ dtype, shape: [...shape.slice(0, 4), size] }];
    const [seq, ...heads] = shape as [Dim, Dim, Dim, Dim];
    return [{ dtype, shape: [...heads.slice(0, 3), seq, total] }];
  },
  lower: (onnx, names, { attributes: { over } }) =>
    onnx.op('FusedMatMul@ms', names, {
      transBatchA: over === 'size' ? 1 : 0,
      transBatchB: 1,
      transB: over === 'size' ? 1 : 0,
    }),
  expand: ([x, y], { over }) => {
    const perHead = transpose(y as Tensor, [1, 2, 3, 0, 4]);
    if (over === 'positions') return [matmul(x as Tensor, perHead)];
    return [matmul(transpose(x as Tensor, [1, 2, 3, 0, 4]), perHead, { transB: true })];
  },
  samples: [
    { inputs: [{ shape: [3, 2, 2, 3, 4] }, { shape: [5, 2, 2, 1, 4] }], attributes: { over: 'size' } },
    { inputs: [{ shape: [1, 1, 2, 3, 4] }, { shape: [5, 1, 2, 1, 4] }], attributes: { over: 'size' } },
    { inputs: [{ shape: [2, 2, 3, 2, 5] }, { shape: [5, 2, 2, 1, 4] }], attributes: { over: 'positions' } },
  ],
});
