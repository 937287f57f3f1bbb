import { expect, test } from 'vitest';
import { needs, shared } from '../../../test/shared.ts';
import type { Checkpoint } from '../types.ts';
import { openGguf } from './open.ts';

const [width, headSize] = [32, 8];

test('query and key rows of a llama file come back in the order of Hugging Face', () => {
  using(openGguf('test/goldens/gguf/llama.gguf'), (checkpoint) => {
    for (const [name, heads] of [
      ['q_proj', 4],
      ['k_proj', 2],
    ] as const) {
      const values = checkpoint.readFloat32(`model.layers.0.self_attn.${name}.weight`);
      const expected = Array.from({ length: heads * headSize * width }, (_, i) =>
        i % width ? Math.floor(i / width) : 127,
      );
      expect([...values]).toEqual(expected);
      const bias = checkpoint.readFloat32(`model.layers.0.self_attn.${name}.bias`);
      expect([...bias]).toEqual(expected.filter((_, i) => i % width === 1));
    }
  });
});

test('any range of interleaved rows is that part of the whole, as values and as bytes', () => {
  using(openGguf('test/goldens/gguf/llama.gguf'), (checkpoint) => {
    const name = 'model.layers.0.self_attn.q_proj.weight';
    const [values, bytes] = [checkpoint.readFloat32(name), checkpoint.readBytes(name)];
    const rowBytes = bytes.length / 32;
    for (let from = 0; from <= 32; from++) {
      for (let to = from; to <= 32; to++) {
        expect(checkpoint.readFloat32(name, { rows: [from, to] })).toEqual(values.subarray(from * width, to * width));
        expect(checkpoint.readBytes(name, { rows: [from, to] })).toEqual(
          bytes.subarray(from * rowBytes, to * rowBytes),
        );
      }
    }
    expect(() => checkpoint.readBytes(name, { rows: [0, 33] })).toThrow('rows 0 to 33 are out of range: it has 32');
    expect(() => checkpoint.readFloat32(name, { into: new Float32Array(3) })).toThrow('do not fit');
    expect(() => checkpoint.readFloat32('model.layers.1.mlp.up_proj.weight')).toThrow('model.layers.1.mlp.up_proj');
  });
});

test("Gemma's norms come back without the added 1, as values and as bytes", () => {
  using(openGguf('test/goldens/gguf/gemma3.gguf'), (checkpoint) => {
    const norms = [...checkpoint.tensors.values()].filter(({ shape }) => shape.length === 1);
    expect(norms).toHaveLength(7);
    for (const { name, shape } of norms) {
      const expected = Float32Array.from({ length: shape[0] as number }, (_, i) => i / 8 - 1.5);
      expect(checkpoint.readFloat32(name)).toEqual(expected);
      expect(checkpoint.readBytes(name)).toEqual(new Uint8Array(expected.buffer));
    }
    const keys = checkpoint.readFloat32('model.layers.0.self_attn.k_proj.weight');
    expect([...keys].filter((_, i) => i % width === 1)).toEqual(Array.from({ length: 16 }, (_, i) => i));
  });
});

test('the configuration is what config.json says', () => {
  using(openGguf('test/goldens/gguf/llama.gguf'), ({ config, generation }) => {
    expect(config).toEqual({
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      hidden_size: 32,
      intermediate_size: 32,
      num_hidden_layers: 1,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      head_dim: 8,
      max_position_embeddings: 64,
      vocab_size: 8,
      rms_norm_eps: 1e-5,
      tie_word_embeddings: false,
      rope_theta: 500_000,
      rope_scaling: {
        rope_type: 'llama3',
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 8192,
      },
      hidden_act: 'silu',
      attention_bias: true,
      mlp_bias: false,
      bos_token_id: 1,
      eos_token_id: 2,
    });
    expect(generation).toEqual({ bos_token_id: 1, eos_token_id: [2, 3] });
  });
  using(openGguf('test/goldens/gguf/gemma3.gguf'), ({ config }) => {
    expect(config).toMatchObject({
      model_type: 'gemma3_text',
      tie_word_embeddings: true,
      sliding_window: 16,
      layer_types: ['sliding_attention'],
      rope_theta: 1e6,
      rope_local_base_freq: 10_000,
      query_pre_attn_scalar: 8,
    });
  });
});

const smollm = shared('models', 'smollm2-135m-instruct.Q4_1.gguf');
const { skip, reason } = needs(smollm, 'SmolLM2');

test.skipIf(skip)(`SmolLM2 opens with every tensor of its 30 layers${reason}`, () => {
  using(openGguf(smollm as string), ({ config, tensors, tokenizer }) => {
    expect(config).toMatchObject({
      num_hidden_layers: 30,
      rms_norm_eps: 1e-5,
      rope_theta: 100_000,
      vocab_size: 49_152,
    });
    expect(tensors.size).toBe(30 * 9 + 2);
    expect(tensors.get('model.layers.29.mlp.down_proj.weight')).toMatchObject({ shape: [576, 1536], type: 'Q4_1' });
    if (tokenizer.kind !== 'gguf') throw new Error('the tokenizer is in the header');
    expect(tokenizer.metadata.get('tokenizer.ggml.tokens')).toHaveLength(49_152);
  });
});

test('a file that is not there is refused by name', () => {
  expect(() => openGguf('no/such.gguf')).toThrow('no/such.gguf: does not exist');
});

function using(checkpoint: Checkpoint, use: (checkpoint: Checkpoint) => void): void {
  try {
    use(checkpoint);
  } finally {
    checkpoint.close();
  }
}
