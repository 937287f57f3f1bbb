import { describe, expect, test } from 'vitest';
import { CriaError } from '../../src/base/index.ts';
import { openForward, openIncrementalDecoder } from '../../src/model/index.ts';
import { mul } from '../../src/tensor/index.ts';
import { forwardOf, goldenPath, logitsAfter, opened, readGolden } from './goldens.ts';
import { withConfig, withTensors } from './variants.ts';

const text = readGolden('llama').sequences[0]?.ids as readonly number[];

/** The one sentence with which the user's input is refused. */
async function refusal(work: () => unknown): Promise<string> {
  const error = await Promise.resolve()
    .then(work)
    .then(
      () => undefined,
      (reason: unknown) => reason,
    );
  expect(error).toBeInstanceOf(CriaError);
  const { kind, message } = error as CriaError;
  expect(kind).toBe('input');
  expect(message).not.toContain('\n');
  return message;
}

test.each([
  [
    'an unknown architecture',
    { model_type: 'mamba' },
    /: the architecture "mamba" is not supported \(supported: llama/,
  ],
  ['no architecture', { model_type: undefined }, /: the architecture null is not supported/],
  [
    'heads that do not divide the width',
    { head_dim: undefined, num_attention_heads: 3 },
    /hidden_size 64 is not a multiple of num_attention_heads 3/,
  ],
  [
    'heads that do not share keys evenly',
    { num_key_value_heads: 3 },
    /num_attention_heads 4 is not a multiple of num_key_value_heads 3/,
  ],
  ['a missing number', { hidden_size: undefined }, /no valid hidden_size/],
  ['a number that is a text', { num_hidden_layers: '2' }, /no valid num_hidden_layers/],
  ['a broken number', { intermediate_size: 64.5 }, /intermediate_size must be an integer of at most \d+ \(got 64.5\)/],
  ['a billion layers', { num_hidden_layers: 1e9 }, /num_hidden_layers must be .*got 1000000000/],
  ['an unknown activation', { hidden_act: 'relu6' }, /the activation "relu6" is not supported/],
  ['an unknown RoPE', { rope_scaling: { rope_type: 'spiral' } }, /the rope scaling "spiral" is not supported/],
  ['soft-capped logits', { final_logit_softcapping: 30 }, /final_logit_softcapping is not supported/],
  ['biases of the MLP that are not there', { mlp_bias: true }, /gate_proj\.bias: the tensor is missing/],
  [
    'a negative window',
    { model_type: 'qwen2', sliding_window: -4, use_sliding_window: true },
    /sliding_window must be a positive integer \(got -4\)/,
  ],
  [
    'layer types for other layers',
    { model_type: 'qwen2', sliding_window: 4, layer_types: ['full_attention'] },
    /1 entries for 2 layers/,
  ],
  ['one layer more', { num_hidden_layers: 3 }, /: model\.layers\.2\.input_layernorm\.weight: the tensor is missing/],
  ['another width', { hidden_size: 128, head_dim: 16 }, /has the shape \[64, 64\], but config.json requires/],
  [
    'another vocabulary',
    { vocab_size: 65 },
    /model\.embed_tokens\.weight: has the shape \[64, 64\], but .* \[65, 64\]/,
  ],
])('a configuration with %s is refused', async (_, keys, sentence) => {
  const folder = withConfig('llama', keys);
  const message = await refusal(() => opened(folder));
  expect(message).toContain(folder);
  expect(message).toMatch(sentence);
});

test('a checkpoint without one of its tensors is refused by its name', async () => {
  const missing = 'model.layers.1.self_attn.v_proj.weight';
  const folder = await withTensors('llama', (name) => name !== missing);
  const message = await refusal(() => opened(folder));
  expect(message).toContain(`${folder}: ${missing}: the tensor is missing`);
});

describe.each(['whole', 'by-layer'] as const)('under the plan %s', (plan) => {
  test.each([
    ['a block', 'model.layers.1.mlp.down_proj.weight'],
    ['a norm of a block', 'model.layers.0.input_layernorm.weight'],
    ['the embedding', 'model.embed_tokens.weight'],
    ['the final norm', 'model.norm.weight'],
  ])('NaN in %s is refused with the tensor that holds it', async (_, damaged) => {
    const folder = await withTensors('llama', (name, values) => {
      if (name === damaged) values.fill(Number.NaN, values.length - 64);
      return true;
    });
    const forward = await forwardOf(opened(folder, { plan }));
    const last = 63; // the row of the embedding that is damaged
    const message = await refusal(() => forward.run([[...text, last]]));
    expect(message).toContain(`model.safetensors: ${damaged}: holds NaN or Inf`);
    expect(message).toContain(folder);
  });

  test('NaN in the head is refused with its name', async () => {
    const folder = await withTensors('llama', (name, values) => {
      if (name === 'lm_head.weight') values[77] = Number.NaN;
      return true;
    });
    const forward = await forwardOf(opened(folder, { plan }));
    const { lastHidden } = await forward.run([text]);
    const targets = text.map(() => 5);
    for (const work of [() => forward.likelihoods(lastHidden.data, targets), () => forward.logits(lastHidden.data)]) {
      expect(await refusal(work)).toContain('lm_head.weight: holds NaN or Inf');
    }
  });

  test('a text that is refused is not part of the cache', async () => {
    const damaged = 'model.embed_tokens.weight';
    const folder = await withTensors('llama', (name, values) => {
      if (name === damaged) values.fill(Number.NaN, values.length - 64);
      return true;
    });
    const cached = await openIncrementalDecoder(opened(folder, { plan }));
    const sequence = cached.open();
    await logitsAfter(cached, sequence, [5]);
    expect(await refusal(() => logitsAfter(cached, sequence, [6, 63]))).toContain(`${damaged}: holds NaN or Inf`);
    expect([sequence.ids, sequence.length]).toEqual([[5], 1]);
    expect((await logitsAfter(cached, sequence, [6])).every(Number.isFinite)).toBe(true);
    await cached.dispose();
  });

  test('NaN in packed weights is refused too', async () => {
    const damaged = 'model.layers.0.mlp.up_proj.weight';
    const folder = await withTensors('llama', (name, values) => {
      if (name === damaged) values[100] = Number.NaN;
      return true;
    });
    const model = opened(folder, { plan, precision: 'q8' });
    const run = async () => (await forwardOf(model)).run([text]);
    expect(await refusal(run)).toContain(`${damaged}: holds NaN or Inf`);
  });

  test('activations beyond float32 are refused with the first layer in which they are', async () => {
    const edits = { 'layers.1.mlp.hidden': (x: Parameters<typeof mul>[0]) => mul(mul(x, 1e30), 1e30) };
    const forward = await forwardOf(opened(goldenPath('llama'), { plan }), { edits });
    expect(await refusal(() => forward.run([text]))).toContain('the activations of layer 1 contain NaN or Inf');
  });

  test.each([
    ['no text', [], /the list of texts is empty/],
    ['an empty text', [[1], []], /text 1 has no tokens/],
    ['an id beyond the vocabulary', [[1, 64]], /the id 64 is not in the vocabulary of 64/],
    ['a negative id', [[1, -1]], /the id -1 is not in the vocabulary of 64/],
    ['a broken id', [[1.5]], /the id 1.5 is not in the vocabulary of 64/],
    ['a text longer than the context', [Array<number>(65).fill(3)], /65 tokens do not fit in the context of 64/],
  ])('%s is refused', async (_, texts, sentence) => {
    const forward = await forwardOf(opened(goldenPath('llama'), { plan }));
    expect(await refusal(() => forward.run(texts))).toMatch(sentence);
  });
});

test('an unknown activation is refused by name, with what paths look like', async () => {
  const model = opened(goldenPath('llama'));
  const message = await refusal(() => openForward(model, { read: ['layer.0.heads'] }));
  expect(message).toContain('no activation is called layer.0.heads (examples of paths: layers.3.attention.heads');
});
