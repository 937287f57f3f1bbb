import { byteSize, CriaError } from '../base/index.ts';
import type { Checkpoint, StoredTensor } from '../checkpoint/index.ts';
import { adapterOption, defineVerb, flag, integer, modelArgument, modelPath } from '../options/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import { type Memory, memoryOf } from './inspect-memory.ts';

export const verb = defineVerb({
  arguments: { model: modelArgument },
  options: {
    context: integer('context length of the memory estimate (default: 4096, or the context of the model)', { min: 1 }),
    tensors: flag('list every tensor instead of one line per group of similar layers'),
    adapter: adapterOption,
  },
  examples: ['inspect model.gguf', 'inspect model.gguf --context 8192 --json'],
  async run({ args, options, print, refuse }) {
    const { openCheckpoint } = await import('../checkpoint/index.ts');
    const { openTokenizer } = await import('../tokenizer/index.ts');
    const path = modelPath(args.model);
    const checkpoint = openCheckpoint(path);
    try {
      const notes: string[] = []; // what cannot be told, and why
      const attempt = async <T>(
        what: string,
        tell: () => T | Promise<T>,
        failed: (error: CriaError) => void = () => {},
      ): Promise<T | undefined> => {
        try {
          return await tell();
        } catch (error) {
          if (!(error instanceof CriaError)) throw error;
          notes.push(`${what}: ${error.message}`);
          failed(error);
          return undefined;
        }
      };
      const tellMemory = () => memoryOf(path, options.adapter, options.context);
      const told =
        options.adapter.length > 0 ? await tellMemory() : await attempt('no memory estimate', tellMemory, refuse);
      const result = {
        ...described(checkpoint),
        ...(told && { context: told.longest }),
        tokenizer: await attempt('no tokenizer', () =>
          summary(openTokenizer(checkpoint.tokenizer, checkpoint.generation)),
        ),
        memory: told?.memory,
        notes,
      };
      print(`${lines(result, options.tensors).join('\n')}\n`);
      return result;
    } finally {
      checkpoint.close();
    }
  },
});

/** A tensor as it is stored: a type, or the container of a quantized matrix with its bits and group. */
interface Listed extends Pick<StoredTensor, 'name' | 'shape' | 'bytes'> {
  readonly type: string;
  readonly bits?: number;
  readonly group?: number;
}

function described({ path, format, config, tensors, quantization }: Checkpoint) {
  const list = [...tensors.values()]
    .map(({ name, type, shape, bytes }): Listed => {
      const held = quantization?.matrices.get(name);
      if (!quantization || !held) return { name, type, shape, bytes };
      return { name, type: quantization.container, bits: held.bits, group: held.group, shape, bytes: held.bytes };
    })
    .sort((a, b) => naturalOrder.compare(a.name, b.name));
  const [architecture = config.model_type] = Array.isArray(config.architectures) ? config.architectures : [];
  return {
    path,
    format,
    architecture: typeof architecture === 'string' ? architecture : 'unknown',
    parameters: sum(list.map(({ shape }) => shape.reduce((product, size) => product * size, 1))),
    layers: config.num_hidden_layers,
    context: config.max_position_embeddings,
    bytes: sum(list.map(({ bytes }) => bytes)),
    types: bytesByType(list),
    ...(quantization && { quantization: quantization.scheme }),
    tensors: list,
  };
}

function summary({ vocabularySize, special, chatTemplate }: Tokenizer) {
  return { vocabularySize, special, chatTemplate: chatTemplate !== undefined };
}

function bytesByType(tensors: readonly Listed[]): Record<string, number> {
  const totals: Record<string, number> = {};
  for (const { type, bytes } of tensors) totals[type] = (totals[type] ?? 0) + bytes;
  return totals;
}

interface Told extends ReturnType<typeof described> {
  readonly tokenizer: ReturnType<typeof summary> | undefined;
  readonly memory: Memory | undefined;
  readonly notes: readonly string[];
}

function lines(model: Told, all: boolean): string[] {
  const tensors = all ? model.tensors : grouped(model.tensors);
  const width = Math.max(0, ...tensors.map(({ name }) => name.length));
  const typeWidth = Math.max(6, ...tensors.map((tensor) => typeOf(tensor).length));
  const tokens = model.tokenizer ? [`${model.tokenizer.vocabularySize} tokens`] : [];
  const figures = [`${model.parameters} parameters`, `${model.layers} layers`, `${model.context} positions`, ...tokens];
  const types = Object.entries(model.types).map(([type, bytes]) => `${type} ${byteSize(bytes)}`);
  return [
    `${model.architecture} in ${model.path} (${model.format})`,
    figures.join(', '),
    `${byteSize(model.bytes)}: ${types.join(', ')}`,
    ...model.notes,
    '',
    ...(model.memory ? [...memoryLines(model.memory), ''] : []),
    ...tensors.map(
      (tensor) =>
        `${tensor.name.padEnd(width)}  ${typeOf(tensor).padEnd(typeWidth)} ${byteSize(tensor.bytes).padStart(8)}  ${tensor.shape.join(' x ')}`,
    ),
  ];
}

const typeOf = ({ type, bits, group }: Listed): string =>
  bits === undefined ? type : `${type} ${bits} bits, groups of ${group}`;

/** Layers in the order of their numbers. */
const naturalOrder = new Intl.Collator('en', { numeric: true });

/** One line for the same part of neighbouring layers that is stored alike: model.layers.0-29.mlp.up_proj.weight. */
function grouped(tensors: readonly Listed[]): Listed[] {
  const groups = new Map<string, { first: number; last: number; part: string; of: Listed; bytes: number }>();
  const lines: (Listed | (() => Listed))[] = [];
  for (const tensor of tensors) {
    const [, layer, part] = /^model\.layers\.(\d+)\.(.*)$/.exec(tensor.name) ?? [];
    if (layer === undefined || part === undefined) {
      lines.push(tensor);
      continue;
    }
    const key = `${part} ${typeOf(tensor)} ${tensor.shape}`;
    const known = groups.get(key);
    if (known?.last === Number(layer) - 1) {
      known.last++;
      known.bytes += tensor.bytes;
      continue;
    }
    const group = { first: Number(layer), last: Number(layer), part, of: tensor, bytes: tensor.bytes };
    groups.set(key, group);
    lines.push(() => {
      const { first, last, part, of, bytes } = group;
      const layers = first === last ? first : `${first}-${last}`;
      return { ...of, name: `model.layers.${layers}.${part}`, bytes };
    });
  }
  return lines.map((line) => (typeof line === 'function' ? line() : line));
}

function memoryLines({ context, available, needs }: Memory): string[] {
  return [
    `memory for ${context} tokens (${byteSize(available)} available):`,
    ...needs.map(({ verb, weights, plan, bytes, steady, fits }) => {
      const how = `${verb} --weights ${weights}`.padEnd(24);
      const [most, then] = [byteSize(bytes), byteSize(steady)].map((size) => size.padStart(8));
      return `  ${how} ${most} at most, ${then} when open  ${plan}${fits ? '' : ', does not fit'}`;
    }),
  ];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
