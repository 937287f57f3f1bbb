import { float32ToPlain } from '../plain.ts';
import type { TensorToWrite } from '../safetensors-write.ts';
import { int32, turned } from './gptq.ts';
import { type Container, expectTensor, finiteScales, groupOfSize, oneOf, type StoredTensors, words } from './source.ts';
import type { UniformCodes } from './types.ts';

/** Which of 8 neighbouring outputs stands in each nibble of a word, the lowest first. (AutoAWQ, packing_utils.py) */
const order = [0, 2, 4, 6, 1, 3, 5, 7];

/**
 * AWQ's container, version gemm: 4-bit codes of 8 outputs in a word of `qweight` [inner, out / 8], their zeros alike in
 * `qzeros` [groups, out / 8], half-precision `scales` [groups, out].
 */
export function openAwq(source: StoredTensors, settings: Readonly<Record<string, unknown>>): Container {
  oneOf(settings.bits, [4], 'bits', source.path);
  oneOf(String(settings.version ?? 'gemm').toLowerCase(), ['gemm'], 'version', source.path);
  const modules = [...source.tensors.keys()].filter((name) => name.endsWith('.qweight'));
  const matrices = modules.map((qweight) => {
    const module = qweight.slice(0, -'.qweight'.length);
    const at = expectTensor(source, qweight, [null, null], ['I32']);
    const [inner, columns] = at.shape as readonly [number, number];
    const out = columns * 8;
    const group = groupOfSize(settings.group_size, inner, qweight);
    const groups = inner / group;
    expectTensor(source, `${module}.scales`, [groups, out], ['F16', 'BF16', 'F32']);
    expectTensor(source, `${module}.qzeros`, [groups, columns], ['I32']);
    const parts = ['qweight', 'qzeros', 'scales'].map((part) => `${module}.${part}`);
    const read = (): UniformCodes => ({
      kind: 'uniform',
      out,
      inner,
      bits: 4,
      group,
      codes: unpack(words(source, qweight), inner, out),
      scales: turned(finiteScales(source, `${module}.scales`), groups, out),
      zeros: unpack(words(source, `${module}.qzeros`), groups, out),
    });
    return {
      name: `${module}.weight`,
      out,
      inner,
      at,
      parts,
      bits: 4 as const,
      group,
      grid: { symmetric: false },
      read,
    };
  });
  return { name: 'awq', matrices };
}

/** The tensors of a linear map in AWQ's container. */
export function packAwq(module: string, { out, inner, group, codes, scales, zeros }: UniformCodes): TensorToWrite[] {
  const groups = inner / group;
  return [
    int32(`${module}.qweight`, [inner, out / 8], () => pack(codes, inner, out)),
    int32(`${module}.qzeros`, [groups, out / 8], () => pack(zeros, groups, out)),
    {
      name: `${module}.scales`,
      shape: [groups, out],
      type: 'F16',
      bytes: () => float32ToPlain('F16', turned(scales, out, groups)),
    },
  ];
}

/** Codes [out, columns] as words [columns, out / 8]. */
function pack(codes: Uint8Array, columns: number, out: number): Uint32Array {
  const packed = new Uint32Array((columns * out) / 8);
  for (let column = 0; column < columns; column++) {
    for (let word = 0; word < out / 8; word++) {
      let bits = 0;
      for (const [i, place] of order.entries())
        bits |= (codes[(8 * word + place) * columns + column] as number) << (4 * i);
      packed[(column * out) / 8 + word] = bits;
    }
  }
  return packed;
}

function unpack(packed: Uint32Array, columns: number, out: number): Uint8Array {
  const codes = new Uint8Array(out * columns);
  for (let column = 0; column < columns; column++) {
    for (let word = 0; word < out / 8; word++) {
      const bits = packed[(column * out) / 8 + word] as number;
      for (const [i, place] of order.entries()) codes[(8 * word + place) * columns + column] = (bits >>> (4 * i)) & 15;
    }
  }
  return codes;
}
