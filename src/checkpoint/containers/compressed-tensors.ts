import { CriaError } from '../../base/index.ts';
import { isObject } from '../json.ts';
import { float32ToPlain } from '../plain.ts';
import type { TensorToWrite } from '../safetensors-write.ts';
import { int32 } from './gptq.ts';
import { type Container, expectTensor, finiteScales, oneOf, type StoredTensors, words } from './source.ts';
import type { UniformBits, UniformCodes } from './types.ts';
import { packWords, unpackWords, type WordLayout } from './words.ts';

const readBits = [4, 8] as const;

/**
 * The container compressed-tensors in its format pack-quantized (W4A16, W8A16): codes of 32 / bits neighbouring inputs in a
 * word of `weight_packed` [out, inner * bits / 32], `weight_scale` [out, groups], and, where it is not symmetric, zeros
 * packed along the outputs in `weight_zero_point` [out * bits / 32, groups]. (compressed_tensors, pack_quantized)
 */
export function openCompressedTensors(source: StoredTensors, settings: Readonly<Record<string, unknown>>): Container {
  const { path, tensors } = source;
  oneOf(settings.format, ['pack-quantized'], 'format', path);
  const specs = specsOf(settings, path);
  const modules = [...tensors.keys()].filter((name) => name.endsWith('.weight_packed'));
  const matrices = modules.map((packed) => {
    const module = packed.slice(0, -'.weight_packed'.length);
    const at = expectTensor(source, packed, [null, null], ['I32']);
    const [out, columns] = at.shape as readonly [number, number];
    const scales = expectTensor(source, `${module}.weight_scale`, [out, null], ['F32', 'F16', 'BF16']);
    const groups = scales.shape[1] as number;
    expectTensor(source, `${module}.weight_shape`, [2], ['I64', 'I32']);
    const { bits, group: size, symmetric } = specs(module);
    const inner = size === undefined ? (source.readFloat32(`${module}.weight_shape`)[1] as number) : groups * size;
    if (!(inner > 0) || columns !== Math.ceil((inner * bits) / 32) || inner % groups !== 0) {
      throw new CriaError(`${columns} words a row do not hold ${inner} inputs of ${bits} bits`, {
        where: `${path}: ${packed}`,
      });
    }
    const zeroRows = Math.ceil((out * bits) / 32);
    if (!symmetric) expectTensor(source, `${module}.weight_zero_point`, [zeroRows, groups], ['I32']);
    const indexed = tensors.has(`${module}.weight_g_idx`);
    if (indexed) throw new CriaError('activation ordering (g_idx) is not supported', { where: `${path}: ${module}` });
    const parts = ['packed', 'scale', 'shape', ...(symmetric ? [] : ['zero_point'])].map(
      (part) => `${module}.weight_${part}`,
    );
    const read = (): UniformCodes => ({
      kind: 'uniform',
      out,
      inner,
      bits,
      group: inner / groups,
      codes: unpackWords(words(source, packed), codeWords(out, inner, bits)),
      scales: finiteScales(source, `${module}.weight_scale`),
      zeros: symmetric
        ? new Uint8Array(out * groups).fill(2 ** (bits - 1))
        : unpackWords(words(source, `${module}.weight_zero_point`), zeroWords(out, groups, bits)),
    });
    return { name: `${module}.weight`, out, inner, at, parts, bits, group: inner / groups, grid: { symmetric }, read };
  });
  return { name: 'compressed-tensors', matrices };
}

interface Spec {
  readonly bits: (typeof readBits)[number];
  /** Undefined for one scale a row. */
  readonly group: number | undefined;
  readonly symmetric: boolean;
}

/** What the configuration's groups say of a module: the first that names it, else the one that names all linear maps. */
function specsOf({ config_groups: given }: Readonly<Record<string, unknown>>, where: string): (module: string) => Spec {
  const unsound = new CriaError('config.json: quantization_config.config_groups is invalid', { where });
  if (!isObject(given)) throw unsound;
  const groups = Object.values(given).map((group) => {
    if (!isObject(group) || !isObject(group.weights) || !Array.isArray(group.targets)) throw unsound;
    const { weights } = group;
    if (isObject(group.input_activations)) {
      throw new CriaError('config.json: quantized activations are not supported', { where });
    }
    oneOf(weights.type ?? 'int', ['int'], 'config_groups.weights.type', where);
    const strategy = oneOf(weights.strategy, ['group', 'channel'], 'config_groups.weights.strategy', where);
    const bits = oneOf(weights.num_bits, readBits, 'config_groups.weights.num_bits', where);
    const group_size = weights.group_size;
    if (strategy === 'group' && !(Number.isInteger(group_size) && (group_size as number) > 0)) throw unsound;
    const spec = {
      bits,
      group: strategy === 'group' ? (group_size as number) : undefined,
      symmetric: weights.symmetric !== false,
    };
    return { spec, targets: group.targets.map(String) };
  });
  return (module) => {
    const named =
      groups.find(({ targets }) => targets.includes(module)) ??
      groups.find(({ targets }) => targets.includes('Linear'));
    if (named) return named.spec;
    throw new CriaError('no group of quantization_config in config.json targets it', { where: `${where}: ${module}` });
  };
}

/** The tensors of a linear map in compressed-tensors' container. */
export function packCompressed(module: string, codes: UniformCodes, symmetric: boolean): TensorToWrite[] {
  const { out, inner, bits, group, scales, zeros } = codes;
  const groups = inner / group;
  const shape = new BigInt64Array([BigInt(out), BigInt(inner)]);
  const zeroPoint = int32(`${module}.weight_zero_point`, [Math.ceil((out * bits) / 32), groups], () =>
    packWords(zeros, zeroWords(out, groups, bits)),
  );
  return [
    int32(`${module}.weight_packed`, [out, Math.ceil((inner * bits) / 32)], () =>
      packWords(codes.codes, codeWords(out, inner, bits)),
    ),
    { name: `${module}.weight_scale`, shape: [out, groups], type: 'F32', bytes: () => float32ToPlain('F32', scales) },
    { name: `${module}.weight_shape`, shape: [2], type: 'I64', bytes: () => new Uint8Array(shape.buffer) },
    ...(symmetric ? [] : [zeroPoint]),
  ];
}

/** Words [out, inner / n] of n neighbouring inputs. */
const codeWords = (out: number, inner: number, bits: UniformBits): WordLayout => {
  const wide = Math.ceil((inner * bits) / 32);
  return { rows: out, columns: inner, bits, along: 'columns', rowStride: wide, columnStride: 1, words: out * wide };
};

/** Words [out / n, groups] of n neighbouring outputs. */
const zeroWords = (out: number, groups: number, bits: UniformBits): WordLayout => ({
  ...{ rows: out, columns: groups, bits, along: 'rows' },
  ...{ rowStride: groups, columnStride: 1, words: Math.ceil((out * bits) / 32) * groups },
});
