import type { Checkpoint, StoredTensor } from '../../checkpoint/index.ts';
import { byteSize } from '../format.ts';
import { modelPath } from '../model-path.ts';
import { modelArgument } from '../shared-options.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  arguments: { model: modelArgument },
  options: {},
  examples: ['inspect cria-tiny', 'inspect model.gguf --json'],
  async run({ args, print }) {
    const { openCheckpoint } = await import('../../checkpoint/index.ts');
    const { openTokenizer } = await import('../../tokenizer/index.ts');
    const checkpoint = openCheckpoint(modelPath(args.model));
    try {
      const { vocabularySize, special, chatTemplate } = openTokenizer(checkpoint.tokenizer, checkpoint.generation);
      const tokenizer = { vocabularySize, special, chatTemplate: chatTemplate !== undefined };
      const result = { ...described(checkpoint), tokenizer };
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

function bytesByType(tensors: readonly Pick<StoredTensor, 'type' | 'bytes'>[]): Record<string, number> {
  const totals: Record<string, number> = {};
  for (const { type, bytes } of tensors) totals[type] = (totals[type] ?? 0) + bytes;
  return totals;
}

function lines(model: ReturnType<typeof described> & { tokenizer: { vocabularySize: number } }): string[] {
  const width = Math.max(0, ...model.tensors.map(({ name }) => name.length));
  return [
    `${model.architecture} in ${model.path} (${model.format})`,
    `${model.parameters} parameters, ${model.layers} layers, ${model.context} positions, ${model.tokenizer.vocabularySize} tokens`,
    `${byteSize(model.bytes)}: ${Object.entries(model.types)
      .map(([type, bytes]) => `${type} ${byteSize(bytes)}`)
      .join(', ')}`,
    '',
    ...model.tensors.map(
      ({ name, type, shape, bytes }) =>
        `${name.padEnd(width)}  ${type.padEnd(6)} ${byteSize(bytes).padStart(8)}  ${shape.join(' x ')}`,
    ),
  ];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
