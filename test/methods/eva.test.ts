import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { silent } from '../../src/base/index.ts';
import { openSafetensors } from '../../src/checkpoint/index.ts';
import { eva, evaDefaults } from '../../src/methods/eva/index.ts';
import { loadModel } from '../../src/model/index.ts';
import { openTokenizer } from '../../src/tokenizer/index.ts';
import { batchOrder } from '../../src/train/index.ts';
import { needs, shared } from '../shared.ts';

const weights = shared('models', 'smollm2-135m-instruct.Q4_1.gguf');
const { skip, reason } = needs(weights, 'SmolLM2-135M-Instruct');

/** What PEFT 0.21.2 made of the same weights and batches. */
interface Golden {
  readonly r: number;
  readonly rank_pattern: Readonly<Record<string, number>>;
}

// oracle 7
test.skipIf(skip)(
  `ranks and directions are those of PEFT on SmolLM2${reason}`,
  async () => {
    const golden = JSON.parse(readFileSync(shared('goldens', 'eva-r8.json') as string, 'utf8')) as Golden;
    const model = loadModel(weights as string, { precision: 'f32', threads: 1 });
    const tokenizer = openTokenizer(model.checkpoint.tokenizer, model.checkpoint.generation);
    const text = readFileSync(shared('data', 'wikitext-2', 'valid.txt') as string, 'utf8');
    const ids = tokenizer.encode(text, { special: false });
    const sequences = Array.from({ length: 160 }, (_, i) => ({
      ids: ids.slice(i * 128, (i + 1) * 128),
      lossMask: undefined,
    }));
    const order = batchOrder(sequences.length, 4, false, 0);
    const batch = (step: number) => order(step).map((i) => sequences[i] as (typeof sequences)[number]);
    const targets = ['q_proj', 'v_proj', 'o_proj', 'down_proj'];
    const result = await eva(model, { batch, round: 40 }, { ...evaDefaults, rank: 8, targets }, { progress: silent });
    model.close();
    const different = [...result.ranks].filter(([name, rank]) => rank !== (golden.rank_pattern[name] ?? golden.r));
    expect(different).toEqual([]);
    expect(result.state.batches).toBe(36);

    const file = openSafetensors(shared('goldens', 'eva-r8-A.safetensors') as string);
    for (const [tensor, { shape }] of file.tensors) {
      const name = tensor.replace('base_model.model.', '').replace('.lora_A.weight', '');
      const [rank, inner] = shape as [number, number];
      const expected = file.readFloat32(tensor);
      const { a } = result.adapter.modules.get(name) as { a: Float32Array };
      const cosines = Array.from({ length: rank }, (_, j) => {
        let product = 0;
        for (let i = j * inner; i < (j + 1) * inner; i++) product += (a[i] as number) * (expected[i] as number);
        return product;
      });
      expect(Math.min(...cosines)).toBeGreaterThan(0.99);
    }
    file.close();
  },
  300_000,
);
