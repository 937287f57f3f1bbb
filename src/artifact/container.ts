import { silent } from '../base/index.ts';
import {
  type Codes,
  type GptqVersion,
  packAwq,
  packCompressed,
  packGptq,
  packNf4,
  type TensorToWrite,
} from '../checkpoint/index.ts';
import { mostFrequentFloat } from './dtypes.ts';
import { writeModelFolder } from './folder.ts';
import { keptTensor, type QuantizedModel, tensorProgress } from './quantized.ts';
import { tokenizerOf } from './source.ts';

export const containerFormats = ['gptq', 'awq', 'compressed-tensors', 'bitsandbytes'] as const;
export type ContainerFormat = (typeof containerFormats)[number];

/** What a container's configuration says of its matrices. */
export interface ContainedSpec {
  readonly bits: number;
  /** Inputs that share a scale; -1 for all of a row; of NF4 elements of the flattened matrix. */
  readonly group: number;
  readonly symmetric: boolean;
  /** GPTQ with groups in another order than that of the inputs. */
  readonly reordered: boolean;
  readonly damp: number | undefined;
  /** NF4 with quantized scales. */
  readonly nested: boolean;
}

export interface ContainedModel extends QuantizedModel {
  readonly format: ContainerFormat;
  /** By the name of the weight, for every one that is quantized. */
  readonly specs: ReadonlyMap<string, ContainedSpec>;
  /** Linear maps that are not quantized, with `.weight`. */
  readonly kept: readonly string[];
}

const moduleOf = (weight: string): string => weight.slice(0, -'.weight'.length);

/**
 * Writes a quantized model in a container that vLLM and transformers open: codes, scales and zeros under the container's
 * names, everything else with its own bytes, and `quantization_config` in config.json.
 */
export async function writeContainer(path: string, model: ContainedModel): Promise<void> {
  const { checkpoint, replacements, format, specs, provenance, force, more, progress } = model;
  const usual = mostFrequentFloat(checkpoint) ?? 'F16';
  const type = format === 'gptq' || format === 'awq' ? 'F16' : usual; // their kernels are of half precision
  const step = tensorProgress(model);
  const tensors = [...checkpoint.tensors.values()].flatMap((tensor): TensorToWrite[] => {
    const spec = specs.get(tensor.name);
    if (!spec) return [keptTensor(model, tensor, usual, step)];
    return packed(
      tensor.name,
      spec,
      () => replacements.read(tensor.name) as Codes,
      model,
      () => step(tensor),
    );
  });
  const config = { ...checkpoint.config, quantization_config: settingsOf(model) };
  const tokenizer = tokenizerOf(checkpoint, progress ?? silent);
  const { generation } = checkpoint;
  await writeModelFolder(path, { config, generation, tensors, type, tokenizer, provenance }, force, more);
}

/** The tensors of a matrix. Shapes follow from the spec; its codes are read once, when the first of them is written. */
function packed(
  name: string,
  spec: ContainedSpec,
  read: () => Codes,
  { format }: ContainedModel,
  done: () => void,
): TensorToWrite[] {
  const codes = read(); // shapes need the sizes; the arrays are read again when their turn comes
  const module = moduleOf(name);
  const parts = (held: Codes): TensorToWrite[] => {
    if (held.kind === 'nf4') return packNf4(name, held, 'float16');
    if (held.kind !== 'uniform') throw new Error(`${name} is in blocks of GGUF`);
    if (format === 'gptq') return packGptq(module, held, versionOf(spec));
    return format === 'awq' ? packAwq(module, held) : packCompressed(module, held, spec.symmetric);
  };
  const shapes = parts(codes).map(({ name: each, shape, type }) => ({ name: each, shape, type }));
  let last: readonly TensorToWrite[] | undefined;
  return shapes.map((tensor, i) => ({
    ...tensor,
    bytes: () => {
      last ??= parts(read());
      const bytes = last[i]?.bytes() as Uint8Array;
      if (i === shapes.length - 1) {
        last = undefined;
        done();
      }
      return bytes;
    },
  }));
}

/** Zeros of asymmetric grids can be 0, which the first version does not hold. */
const versionOf = ({ symmetric }: ContainedSpec): GptqVersion => (symmetric ? 'gptq' : 'gptq_v2');

function settingsOf({ format, specs, kept }: ContainedModel): object {
  const all = [...specs.values()];
  const { bits, group, symmetric, damp, nested } = all[0] as ContainedSpec;
  const keptModules = kept.map(moduleOf);
  switch (format) {
    case 'gptq':
      return {
        quant_method: 'gptq',
        bits,
        group_size: group,
        sym: symmetric,
        desc_act: all.some(({ reordered }) => reordered),
        damp_percent: damp,
        true_sequential: true,
        lm_head: false,
        checkpoint_format: versionOf({ symmetric } as ContainedSpec),
        ...(keptModules.length > 0 && {
          dynamic: Object.fromEntries(keptModules.map((module) => [`-:^${module.replaceAll('.', '\\.')}$`, {}])),
        }),
      };
    case 'awq':
      return {
        quant_method: 'awq',
        bits,
        group_size: group,
        zero_point: true,
        version: 'gemm',
        modules_to_not_convert: [...keptModules, 'lm_head'],
      };
    case 'bitsandbytes':
      return {
        quant_method: 'bitsandbytes',
        load_in_4bit: true,
        load_in_8bit: false,
        bnb_4bit_quant_type: 'nf4',
        bnb_4bit_use_double_quant: nested,
        bnb_4bit_compute_dtype: 'float16',
        bnb_4bit_quant_storage: 'uint8',
        llm_int8_skip_modules: [...keptModules, 'lm_head'],
      };
    case 'compressed-tensors':
      return compressedSettings(specs, keptModules);
  }
}

/** A group of the configuration for each way of quantizing: the commonest stands for all linear maps, others are named. */
function compressedSettings(specs: ReadonlyMap<string, ContainedSpec>, kept: readonly string[]): object {
  const ways = new Map<string, { readonly spec: ContainedSpec; readonly modules: string[] }>();
  for (const [name, spec] of specs) {
    const key = `${spec.bits} ${spec.group} ${spec.symmetric}`;
    const way = ways.get(key) ?? { spec, modules: [] };
    ways.set(key, way);
    way.modules.push(moduleOf(name));
  }
  const sorted = [...ways.values()].sort((a, b) => b.modules.length - a.modules.length);
  const groups = sorted.map(({ spec: { bits, group, symmetric }, modules }, i) => [
    `group_${i}`,
    {
      targets: sorted.length === 1 ? ['Linear'] : modules,
      weights: {
        num_bits: bits,
        type: 'int',
        symmetric,
        strategy: group === -1 ? 'channel' : 'group',
        ...(group !== -1 && { group_size: group }),
        dynamic: false,
        observer: 'minmax',
      },
      input_activations: null,
      output_activations: null,
    },
  ]);
  return {
    quant_method: 'compressed-tensors',
    format: 'pack-quantized',
    quantization_status: 'compressed',
    config_groups: Object.fromEntries(groups),
    ignore: [...kept, 'lm_head'],
    kv_cache_scheme: null,
  };
}
