import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { refusalOf, temporaryFolder } from '../../test/hostile.ts';
import { adapterPath } from '../../test/model/goldens.ts';
import { loraScale, writeAdapter, writeSafetensors } from '../checkpoint/index.ts';
import { checkAdapterFolder, type LoraCheck } from './adapter-check.ts';

const lora = (path: string) => checkAdapterFolder(path) as LoraCheck;

/** Plain LoRA of the given ranks with these keys in its configuration, and tensors that it should not have. */
async function folderOf(
  ranks: Readonly<Record<string, number>>,
  keys: Readonly<Record<string, unknown>>,
  others: readonly string[] = [],
): Promise<string> {
  const folder = temporaryFolder();
  const config = { peft_type: 'LORA', base_model_name_or_path: 'org/name', r: 4, lora_alpha: 8, ...keys };
  writeFileSync(join(folder, 'adapter_config.json'), JSON.stringify(config));
  const zeros = (name: string, shape: readonly [number, number]) => {
    return { name, shape, type: 'F32' as const, bytes: () => new Uint8Array(4 * shape[0] * shape[1]) };
  };
  await writeSafetensors(join(folder, 'adapter_model.safetensors'), [
    ...Object.entries(ranks).flatMap(([path, rank]) => [
      zeros(`base_model.model.${path}.lora_A.weight`, [rank, 6]),
      zeros(`base_model.model.${path}.lora_B.weight`, [3, rank]),
    ]),
    ...others.map((name) => zeros(name, [1, 1])),
  ]);
  return folder;
}

const [q, down] = ['model.layers.0.self_attn.q_proj', 'model.layers.1.mlp.down_proj'];
const uneven = { rank_pattern: { q_proj: 2, down_proj: 9 } };

test('ranks, where they come from and what vLLM has to reserve are told', async () => {
  const check = lora(await folderOf({ [q]: 2, [down]: 9, v: 4 }, { ...uneven, alpha_pattern: { v: 8 } }));
  expect(check).toMatchObject({
    ...{ kind: 'lora', base: 'org/name', rank: 4, alpha: 8, rslora: false, ranks: { least: 2, most: 9 } },
    ...{ patterned: { ranks: 2, alphas: 1 }, parameters: (2 + 9 + 4) * (6 + 3), maxLoraRank: 16, unserved: [] },
  });
});

test('PEFT divides by the rank of the module, vLLM by r, llama.cpp one alpha by the rank', async () => {
  const check = lora(await folderOf({ [q]: 2, [down]: 9, v: 4 }, { ...uneven, alpha_pattern: { down_proj: 27 } }));
  expect(check.modules.map(({ path, scales }) => [path, scales])).toEqual([
    [q, { PEFT: 4, vLLM: 2, 'llama.cpp': 4 }],
    [down, { PEFT: 3, vLLM: 2, 'llama.cpp': 8 / 9 }],
    ['v', { PEFT: 2, vLLM: 2, 'llama.cpp': 2 }],
  ]);
  expect(check.agree).toBe(false);
  expect(check.consumers.map(({ different, worst }) => [different, worst])).toEqual([
    [0, null],
    [2, { path: q, scale: 2, wanted: 4 }],
    [1, { path: down, scale: 8 / 9, wanted: 3 }],
  ]);
});

test('rank-stabilized scales have roots for PEFT and vLLM, and none for llama.cpp', async () => {
  const check = lora(await folderOf({ [q]: 4 }, { use_rslora: true }));
  expect(check.modules[0]?.scales).toEqual({ PEFT: 4, vLLM: 4, 'llama.cpp': 2 });
});

// oracle 6 of EVA: what cria writes has one scale for PEFT and vLLM, whatever the ranks
test.each([false, true])('uneven ranks of one scale agree for PEFT and vLLM (rank-stabilized: %s)', async (rslora) => {
  const folder = temporaryFolder();
  const ranks = { [q]: 3, [down]: 21, 'model.layers.1.self_attn.q_proj': 16 };
  const modules = Object.entries(ranks).map(([path, rank]) => {
    const alpha = (1.3 * rank) / 16; // PEFT's adjust_scaling_factors
    const scale = loraScale(alpha, rank, rslora);
    const values = { a: new Float32Array(rank * 6), b: new Float32Array(3 * rank) };
    return [path, { rank, alpha, scale, inner: 6, out: 3, ...values }] as const;
  });
  await writeAdapter(folder, { kind: 'lora', base: '', modules: new Map(modules), rslora });
  const { consumers, modules: checked } = lora(folder);
  expect(consumers.map(({ name, different }) => [name, different])).toEqual([
    ['PEFT', 0],
    ['vLLM', 0],
    ['llama.cpp', 2],
  ]);
  for (const { scales } of checked) expect(Math.abs(scales.PEFT / scales.vLLM - 1)).toBeLessThan(1e-6);
});

test.each([
  [8, 8],
  [9, 16],
  [257, 320],
  [512, 512],
  [513, null],
])('a rank of %i needs --max-lora-rank %j', async (rank, needed) => {
  expect(lora(await folderOf({ [q]: rank }, { r: rank })).maxLoraRank).toBe(needed);
});

test('an r above every rank is what vLLM compares', async () => {
  expect(lora(await folderOf({ [q]: 2 }, { r: 64, rank_pattern: { q_proj: 2 } })).maxLoraRank).toBe(64);
});

test('what servers do not apply is named', async () => {
  const keys = { modules_to_save: ['lm_head'], use_dora: true, init_lora_weights: 'pissa', bias: 'none' };
  const folder = await folderOf({ [q]: 4 }, keys, ['base_model.model.lm_head.weight']);
  expect(lora(folder).unserved).toEqual([
    ...['use_dora', 'modules_to_save', 'init_lora_weights', 'base_model.model.lm_head.weight'],
  ]);
  expect(checkAdapterFolder(adapterPath('prefix'))).toMatchObject({
    kind: 'prefix',
    unserved: [expect.stringMatching(/^\d virtual tokens$/)],
  });
});

test.each([
  ['has rank 2, but adapter_config.json says 4', { [q]: 2 }, {}],
  ['r is 0, but must be positive', { [q]: 4 }, { r: 0 }],
  ['is not a matrix: its shape is [0, 6]', { [q]: 0 }, {}],
  ['adapts no module', {}, {}],
  ['adapters of the type "IA3" are not supported', { [q]: 4 }, { peft_type: 'IA3' }],
])('%s', async (sentence, ranks, keys) => {
  expect(await refusalOf(() => folderOf(ranks, keys).then(checkAdapterFolder))).toContain(sentence);
});

test('a configuration that lacks a key says which', async () => {
  const folder = await folderOf({ [q]: 4 }, {});
  const file = join(folder, 'adapter_config.json');
  writeFileSync(file, readFileSync(file, 'utf8').replace('lora_alpha', 'alpha'));
  expect(await refusalOf(() => checkAdapterFolder(folder))).toContain('lora_alpha is missing');
});
