import { byteSize, CriaError } from '../base/index.ts';
import type { Checkpoint, StoredTensor } from '../checkpoint/index.ts';
import { adapterOption, defineVerb, integer, modelArgument, modelPath } from '../options/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import { type Memory, memoryOf } from './inspect-memory.ts';

export const verb = defineVerb({
  arguments: { model: modelArgument },
  options: {
    context: integer('tokens that memory is told for (default: 4096, or what the model takes)', { min: 1 }),
    adapter: adapterOption,
  },
  examples: ['inspect model.gguf', 'inspect model.gguf --context 8192 --json'],
  async run({ args, options, print }) {
    const { openCheckpoint } = await import('../checkpoint/index.ts');
    const { openTokenizer } = await import('../tokenizer/index.ts');
    const path = modelPath(args.model);
    const checkpoint = openCheckpoint(path);
    try {
      const notes: string[] = []; // what cannot be told, and why
      const attempt = async <T>(what: string, tell: () => T | Promise<T>): Promise<T | undefined> => {
        try {
          return await tell();
        } catch (error) {
          if (!(error instanceof CriaError)) throw error;
          notes.push(`${what}: ${error.message}`);
          return undefined;
        }
      };
      const tellMemory = () => memoryOf(path, options.adapter, options.context);
      const told = options.adapter.length > 0 ? await tellMemory() : await attempt('no memory estimate', tellMemory);
      const result = {
        ...described(checkpoint),
        ...(told && { context: told.longest }),
        tokenizer: await attempt('no tokenizer', () =>
          summary(openTokenizer(checkpoint.tokenizer, checkpoint.generation)),
        ),
        memory: told?.memory,
        notes,
      };
      print(`${lines(result).join('\n')}\n`);
      return result;
    } finally {
      checkpoint.close();
    }
  },
});

function described({ path, format, config, tensors }: Checkpoint) {
  const list = [...tensors.values()].map(({ name, type, shape, bytes }) => ({ name, type, shape, bytes }));
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
    tensors: list,
  };
}

function summary({ vocabularySize, special, chatTemplate }: Tokenizer) {
  return { vocabularySize, special, chatTemplate: chatTemplate !== undefined };
}

function bytesByType(tensors: readonly Pick<StoredTensor, 'type' | 'bytes'>[]): Record<string, number> {
  const totals: Record<string, number> = {};
  for (const { type, bytes } of tensors) totals[type] = (totals[type] ?? 0) + bytes;
  return totals;
}

interface Told extends ReturnType<typeof described> {
  readonly tokenizer: ReturnType<typeof summary> | undefined;
  readonly memory: Memory | undefined;
  readonly notes: readonly string[];
}

function lines(model: Told): string[] {
  const width = Math.max(0, ...model.tensors.map(({ name }) => name.length));
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
    ...model.tensors.map(
      ({ name, type, shape, bytes }) =>
        `${name.padEnd(width)}  ${type.padEnd(6)} ${byteSize(bytes).padStart(8)}  ${shape.join(' x ')}`,
    ),
  ];
}

function memoryLines({ context, available, needs }: Memory): string[] {
  return [
    `memory for ${context} tokens, of ${byteSize(available)} that are free:`,
    ...needs.map(({ verb, weights, plan, bytes, fits }) => {
      const how = `${verb} --weights ${weights}`.padEnd(24);
      return `  ${how} ${byteSize(bytes).padStart(8)}  ${plan}${fits ? '' : ', does not fit'}`;
    }),
  ];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
