import { CriaError } from '../../base/index.ts';
import { float32ToPlain } from '../plain.ts';
import type { TensorToWrite } from '../safetensors-write.ts';
import { type Container, expectTensor, finiteScales, groupOfSize, oneOf, type StoredTensors, words } from './source.ts';
import type { UniformBits, UniformCodes } from './types.ts';
import { packWords, unpackWords, type WordLayout } from './words.ts';

/** Of the first version zeros are stored less 1, of the second as they are. (AutoGPTQ; GPTQModel) */
const versions = ['gptq', 'gptq_v2'] as const;
export type GptqVersion = (typeof versions)[number];

const readBits = [4, 8, 2] as const;

/**
 * GPTQ's container: codes of 32 / bits neighbouring inputs in a word of `qweight` [inner * bits / 32, out], zeros of
 * neighbouring outputs in a word of `qzeros` [groups, out * bits / 32], half-precision `scales` [groups, out], and the
 * group of each input in `g_idx`. (AutoGPTQ, qlinear_cuda_old.py)
 */
export function openGptq(source: StoredTensors, settings: Readonly<Record<string, unknown>>): Container {
  const { path } = source;
  const bits = oneOf(settings.bits, readBits, 'bits', path);
  const version = oneOf(settings.checkpoint_format ?? 'gptq', versions, 'checkpoint_format', path);
  const perWord = 32 / bits;
  const modules = [...source.tensors.keys()].filter((name) => name.endsWith('.qweight'));
  const matrices = modules.map((qweight) => {
    const module = qweight.slice(0, -'.qweight'.length);
    const at = expectTensor(source, qweight, [null, null], ['I32']);
    const [rows, out] = at.shape as readonly [number, number];
    const inner = rows * perWord;
    const group = groupOfSize(settings.group_size, inner, qweight);
    const groups = inner / group;
    expectTensor(source, `${module}.scales`, [groups, out], ['F16', 'BF16', 'F32']);
    expectTensor(source, `${module}.qzeros`, [groups, out / perWord], ['I32']);
    const indexed = source.tensors.has(`${module}.g_idx`);
    if (indexed) expectTensor(source, `${module}.g_idx`, [inner], ['I32', 'I64']);
    const parts = ['qweight', 'qzeros', 'scales', ...(indexed ? ['g_idx'] : [])].map((part) => `${module}.${part}`);
    const groupOf = indexed ? groupIndexes(source, `${module}.g_idx`, groups, group) : undefined;
    const grid = groupOf ? undefined : { symmetric: settings.sym === true };
    const read = (): UniformCodes => {
      const codes = unpackWords(words(source, qweight), inputWords(out, inner, bits));
      const zeros = unpackWords(words(source, `${module}.qzeros`), outputWords(out, groups, bits));
      if (version === 'gptq') for (let i = 0; i < zeros.length; i++) zeros[i] = ((zeros[i] as number) + 1) % 2 ** bits;
      const scales = turned(finiteScales(source, `${module}.scales`), groups, out);
      return { kind: 'uniform', out, inner, bits, group, codes, scales, zeros, ...(groupOf && { groupOf }) };
    };
    return { name: `${module}.weight`, out, inner, at, parts, bits, group, grid, read };
  });
  return { name: 'gptq', matrices };
}

/** The group of each input; undefined where groups are runs of neighbours. @throws CriaError when one is not there. */
function groupIndexes(source: StoredTensors, name: string, groups: number, group: number): Int32Array | undefined {
  const indexes = Int32Array.from(source.readFloat32(name));
  const wrong = indexes.find((each) => each < 0 || each >= groups);
  if (wrong !== undefined)
    throw new CriaError(`names group ${wrong} of ${groups}`, { where: `${source.path}: ${name}` });
  return indexes.every((each, i) => each === Math.floor(i / group)) ? undefined : indexes;
}

/** The tensors of a linear map in GPTQ's container. */
export function packGptq(module: string, codes: UniformCodes, version: GptqVersion): TensorToWrite[] {
  const { out, inner, bits, group, scales } = codes;
  const groups = inner / group;
  const zeros = codes.zeros.map((zero) => (version === 'gptq' ? zero + 2 ** bits - 1 : zero) % 2 ** bits);
  const index = codes.groupOf ?? Int32Array.from({ length: inner }, (_, i) => Math.floor(i / group));
  const perWord = 32 / bits;
  return [
    int32(`${module}.qweight`, [inner / perWord, out], () => packWords(codes.codes, inputWords(out, inner, bits))),
    int32(`${module}.qzeros`, [groups, out / perWord], () => packWords(zeros, outputWords(out, groups, bits))),
    int32(`${module}.g_idx`, [inner], () => index),
    {
      name: `${module}.scales`,
      shape: [groups, out],
      type: 'F16',
      bytes: () => float32ToPlain('F16', turned(scales, out, groups)),
    },
  ];
}

export function int32(name: string, shape: readonly number[], of: () => Uint32Array | Int32Array): TensorToWrite {
  const bytes = () => {
    const { buffer, byteOffset, byteLength } = of();
    return new Uint8Array(buffer, byteOffset, byteLength);
  };
  return { name, shape, type: 'I32', bytes };
}

/** A matrix [rows, columns] with rows and columns exchanged. */
export function turned(data: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(data.length);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) result[j * rows + i] = data[i * columns + j] as number;
  return result;
}

/** Words [inner / n, out] of n neighbouring inputs. */
const inputWords = (out: number, inner: number, bits: UniformBits): WordLayout => ({
  ...{ rows: out, columns: inner, bits, along: 'columns' },
  ...{ rowStride: 1, columnStride: out, words: (out * inner * bits) / 32 },
});

/** Words [groups, out / n] of n neighbouring outputs. */
const outputWords = (out: number, groups: number, bits: UniformBits): WordLayout => ({
  ...{ rows: out, columns: groups, bits, along: 'rows' },
  ...{ rowStride: 1, columnStride: (out * bits) / 32, words: (out * groups * bits) / 32 },
});
