import { expect, test } from 'vitest';
import { configFrom } from '../../model/index.ts';
import { inputGroups } from './groups.ts';
import { parameterCount } from './parameters.ts';

const shapes = (hidden_size: number, intermediate_size: number, num_hidden_layers: number, heads: number, kv: number) =>
  configFrom(
    {
      ...{ model_type: 'llama', hidden_size, intermediate_size, num_hidden_layers },
      ...{ num_attention_heads: heads, num_key_value_heads: kv, vocab_size: 100, rms_norm_eps: 1e-5 },
      max_position_embeddings: 2048,
    },
    'config.json',
  );

// oracle 11
test.each([
  // Paischer et al. 2024, table 11, less the 16 * (hidden + vocabulary) of the head, which has no adapter here
  ['Llama-2-7B', shapes(4096, 11008, 32, 32, 32), 40_554_496 - 16 * (4096 + 32_000)],
  ['Llama-3.1-8B', shapes(4096, 14_336, 32, 32, 8), 44_060_672 - 16 * (4096 + 128_256)],
  ['SmolLM2-135M', shapes(576, 1536, 30, 9, 3), 4_884_480],
])('%s of rank 16 has the parameters that the paper counts', (_, config, expected) => {
  const groups = inputGroups(config, []);
  const ranks = new Map(groups.flatMap(({ modules }) => modules.map(({ name }) => [name, 16] as const)));
  expect(parameterCount({ groups, ranks }, 16)).toEqual({ parameters: expected, uniform: expected });
});

test('targets are found by the ends of their paths, and share the inputs that they read', () => {
  const groups = inputGroups(shapes(576, 1536, 2, 9, 3), ['down_proj', 'v_proj', 'self_attn.q_proj']);
  expect(groups.map(({ path, modules }) => [path, modules.map(({ name }) => name)])).toEqual([
    ['attention.input', ['model.layers.0.self_attn.q_proj', 'model.layers.0.self_attn.v_proj']],
    ['mlp.hidden', ['model.layers.0.mlp.down_proj']],
    ['attention.input', ['model.layers.1.self_attn.q_proj', 'model.layers.1.self_attn.v_proj']],
    ['mlp.hidden', ['model.layers.1.mlp.down_proj']],
  ]);
  expect(() => inputGroups(shapes(576, 1536, 2, 9, 3), ['x_proj'])).toThrow("'x_proj' is not a linear layer");
});
