import { expect, test } from 'vitest';
import { call } from '../../../test/command-line.ts';
import { needs, shared } from '../../../test/shared.ts';

const model = shared('models', 'smollm2-135m-instruct.Q4_1.gguf');
const { skip, reason } = needs(model, 'SmolLM2');

const inspect = async (...argv: string[]) => (await call(['inspect', model ?? '', ...argv])).out;

test.skipIf(skip)(`SmolLM2 is what its authors say it is${reason}`, async () => {
  const told = JSON.parse(await inspect('--json'));
  expect(told).toMatchObject({
    architecture: 'LlamaForCausalLM',
    parameters: 134_515_008, // 49152 * 576 + 30 * (576 * (2 * 576 + 2 * 192 + 3 * 1536) + 2 * 576) + 576
    layers: 30,
    context: 8192,
    tokenizer: { vocabularySize: 49_152, chatTemplate: true },
  });
  expect(told.tensors).toHaveLength(272);
  expect(told.tensors).toContainEqual({
    name: 'model.layers.29.self_attn.k_proj.weight',
    type: 'Q4_1',
    shape: [192, 576],
    bytes: (192 * 576 * 20) / 32,
  });
});

test.skipIf(skip)(`a person reads its figures above the list of its tensors${reason}`, async () => {
  const [, figures, types, gap, first] = (await inspect()).split('\n');
  expect(figures).toBe('134515008 parameters, 30 layers, 8192 positions, 49152 tokens');
  expect(types).toMatch(/^\d+\.?\d* MB: .*Q4_1 \d+\.?\d* MB/);
  expect(gap).toBe('');
  expect(first).toMatch(/^model\.\S+ +\w+ +\d+\.?\d* MB {2}\d+( x \d+)*$/);
});
