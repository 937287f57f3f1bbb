import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { padded } from '../../src/artifact/index.ts';
import { normalFrom, randomFrom, silent } from '../../src/base/index.ts';
import {
  type LoraAdapter,
  type LoraModule,
  openSafetensors,
  readAdapter,
  writeAdapter,
} from '../../src/checkpoint/index.ts';
import {
  type EvaData,
  type EvaOptions,
  type EvaState,
  eva,
  evaDefaults,
  inputGroups,
  readState,
  shareAgain,
  writeState,
} from '../../src/methods/eva/index.ts';
import type { Batch } from '../../src/train/index.ts';
import { refusalOf, temporaryFolder } from '../hostile.ts';
import { distance, forwardOf, goldenPath, opened } from '../model/goldens.ts';
import { firstGradient, withRandomRows } from './first-gradient.ts';

const tiny = goldenPath('llama-gqa');
const options: EvaOptions = { ...evaDefaults, rank: 4, tau: 0.9, maxBatches: 12 };
const watch = { progress: silent };

function textOf(step: number, length: number, vocabulary = 64): number[] {
  const random = randomFrom(step);
  return Array.from({ length }, () => Math.floor(random() * vocabulary));
}

const data: EvaData = {
  round: 6,
  batch: (step) => [0, 1].map((i) => ({ ids: textOf(2 * (step % 6) + i, 24), lossMask: undefined })),
};

const withBatches = (batch: (step: number) => Batch): EvaData => ({ round: 6, batch });
const inputsOf = (state: EvaState) => state.groups.map((pca) => pca?.components.data);

test('the budget is spent, and what each module reads is decomposed in the order of the model', async () => {
  const model = opened(tiny);
  const { ranks, adapter, groups, state } = await eva(model, data, options, watch);
  expect([...ranks.values()].reduce((a, b) => a + b)).toBe(4 * 14);
  expect(groups.map(({ path, modules }) => `${path} ${modules.length}`).slice(0, 4)).toEqual([
    'attention.input 3',
    'attention.heads 1',
    'mlp.input 2',
    'mlp.hidden 1',
  ]);
  expect(state.groups.every((pca) => (pca?.seen ?? 0) >= 48)).toBe(true);
  for (const [name, { rank }] of adapter.modules) expect(rank).toBe(ranks.get(name));
});

test('the plans give the same adapter', async () => {
  const [whole, byLayer] = [opened(tiny, { plan: 'whole' }), opened(tiny, { plan: 'by-layer' })];
  const results = [await eva(whole, data, options, watch), await eva(byLayer, data, options, watch)];
  expect(results[0]?.adapter).toEqual(results[1]?.adapter);
});

// oracle 5
test('the model answers as before, bit for bit, until B is trained', async () => {
  const { adapter } = await eva(opened(tiny), data, options, watch);
  const ids = [textOf(99, 20)];
  const [plain, adapted] = [await forwardOf(opened(tiny)), await forwardOf(opened(tiny, { adapters: [adapter] }))];
  expect((await adapted.run(ids)).lastHidden.data).toEqual((await plain.run(ids)).lastHidden.data);
});

// oracle 9
test('padding changes nothing but rounding', async () => {
  const short = textOf(1, 17);
  const alone = withBatches(() => [{ ids: short, lossMask: undefined }]);
  const padded = withBatches(() => [
    { ids: short, lossMask: undefined },
    { ids: textOf(2, 30), lossMask: Array<boolean>(30).fill(false) },
  ]);
  const once = { ...options, maxBatches: 1 };
  const [a, b] = [await eva(opened(tiny), alone, once, watch), await eva(opened(tiny), padded, once, watch)];
  expect(b.state.groups.map((pca) => pca?.seen)).toEqual(a.state.groups.map(() => 17));
  for (const [i, pca] of a.state.groups.entries()) {
    const other = b.state.groups[i];
    for (const [j, size] of pca?.values.entries() ?? []) expect(other?.values[j]).toBeCloseTo(size, 4);
  }
});

// oracle 9
test('only tokens that are learned are seen', async () => {
  const lossMask = textOf(3, 24).map((_, i) => i >= 10);
  const answers = withBatches((step) => [{ ids: textOf(step, 24), lossMask }]);
  const { state } = await eva(opened(tiny), answers, { ...options, maxBatches: 3 }, watch);
  expect(state.groups[0]?.seen).toBe(3 * 14);
});

test('batches with too few tokens are passed over; when there are no others it is said', async () => {
  const few = { ids: textOf(1, 5), lossMask: undefined };
  const mixed = withBatches((step) => (step % 2 === 0 ? [few] : data.batch(step)));
  const { state } = await eva(opened(tiny), mixed, { ...options, maxBatches: 4 }, watch);
  expect(state.groups[0]?.seen).toBe(2 * 48);
  expect(
    await refusalOf(() =>
      eva(
        opened(tiny),
        withBatches(() => [few]),
        options,
        watch,
      ),
    ),
  ).toContain('no batch has the 8 tokens to learn that as many components need');
});

// oracle 4
test('rho 1 gives every module the same rank', async () => {
  const { ranks } = await eva(opened(tiny), data, { ...options, rho: 1, maxBatches: 2 }, watch);
  expect(new Set(ranks.values())).toEqual(new Set([4]));
});

test('inputs that have converged are read no more', async () => {
  const { state, unconverged } = await eva(opened(tiny), data, { ...options, tau: -1 }, watch);
  expect(state.batches).toBe(2); // nothing has converged after the first
  expect(unconverged).toEqual([]);
  expect(state.groups.map((pca) => pca?.seen)).toEqual(state.groups.map(() => 96));
});

test('what has not converged when the batches end is named', async () => {
  const targets = ['o_proj'];
  const { unconverged } = await eva(opened(tiny), data, { ...options, targets, tau: 1.1, maxBatches: 3 }, watch);
  expect(unconverged).toEqual([0, 1].map((layer) => `model.layers.${layer}.self_attn.o_proj`));
});

test('a run that is stopped after any batch goes on to the same adapter', async () => {
  const { adapter } = await eva(opened(tiny), data, options, watch);
  const path = join(temporaryFolder(), 'state.safetensors');
  const groups = inputGroups(opened(tiny).config, []);
  for (const batches of [1, 4]) {
    const stopped = await eva(opened(tiny), data, { ...options, maxBatches: batches }, watch);
    await writeState(path, stopped.state, groups, {});
    const { state: from } = readState(path, () => groups);
    expect((await eva(opened(tiny), data, options, { ...watch, from })).adapter).toEqual(adapter);
  }
});

test('a batch that is interrupted leaves the state before it', async () => {
  const states: EvaState[] = [];
  const controller = new AbortController();
  const stopping = withBatches((step) => {
    if (step === 2) queueMicrotask(() => controller.abort(new Error('stopped')));
    return data.batch(step);
  });
  const keep = (state: EvaState) => void states.push(state);
  const running = eva(opened(tiny), stopping, { ...options, tau: 1.1 }, { ...watch, keep, signal: controller.signal });
  await expect(running).rejects.toThrow('stopped');
  expect(states.map(({ batches }) => batches)).toEqual([1, 2]);
  expect(states[1]?.groups.map((pca) => pca?.seen)).toEqual(states[1]?.groups.map(() => 96));
});

test('another budget is shared without reading anything', async () => {
  const { state, groups, adapter } = await eva(opened(tiny), data, options, watch);
  const { ranks } = shareAgain(tiny, groups, state, { rank: 2, whiten: false });
  expect([...ranks.values()].reduce((a, b) => a + b)).toBe(2 * 14);
  expect(shareAgain(tiny, groups, state, options).adapter).toEqual(adapter);
  expect(await refusalOf(() => shareAgain(tiny, groups, state, { ...options, rank: 9 }))).toContain(
    'a mean rank of 9 is more than the 8 components that were kept',
  );
});

test('a saved state that does not fit is refused', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'state.safetensors');
  const groups = inputGroups(opened(tiny).config, ['q_proj']);
  const { state } = await eva(opened(tiny), data, { ...options, targets: ['q_proj'], maxBatches: 2 }, watch);
  await writeState(path, state, groups, { rank: 4 });
  const read = readState(path, () => groups);
  expect(read.settings).toEqual({ rank: 4 });
  expect(inputsOf(read.state)).toEqual(inputsOf(state));
  expect(await refusalOf(() => readState(path, () => inputGroups(opened(tiny).config, ['o_proj'])))).toContain(
    'is of other targets',
  );
  const wider = groups.map((group) => ({ ...group, width: 65 }));
  expect(await refusalOf(() => readState(path, () => wider))).toContain('does not fit layers.0.attention.input');
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.toString('latin1').replace('batches', 'botches'), 'latin1');
  expect(await refusalOf(() => readState(path, () => groups))).toContain('holds no state of EVA');
});

test('options that do not suit the model are refused', async () => {
  const run = (given: Partial<EvaOptions>) => refusalOf(() => eva(opened(tiny), data, { ...options, ...given }, watch));
  expect(await run({ targets: ['x_proj'] })).toContain("'x_proj' is not a linear layer");
  expect(await run({ rank: 40 })).toContain('80 components are more than attention.input of width 64 has');
});

// oracle 10
test('the first gradient of B is larger than with random orthonormal rows of the same ranks', async () => {
  const { adapter } = await eva(opened(tiny), data, options, watch);
  const gradient = (each: LoraAdapter) => firstGradient(opened(tiny), each, data.batch(0));
  const own = await gradient(adapter);
  for (const seed of [1, 2, 3]) {
    expect(own).toBeGreaterThan(1.5 * (await gradient(await withRandomRows(adapter, seed))));
  }
});

const ids = [textOf(98, 20), textOf(99, 13)];

// oracle 6
test('trained to anything, an adapter computes the same for PEFT, for vLLM and padded', async () => {
  const { adapter } = await eva(opened(tiny), data, options, watch);
  const normal = normalFrom(randomFrom(5));
  const trained = withModules(adapter, (module) => ({ ...module, b: module.b.map(() => 0.1 * normal()) }));
  expect(new Set([...trained.modules.values()].map(({ rank }) => rank)).size).toBeGreaterThan(2);
  const folder = temporaryFolder();
  await writeAdapter(folder, trained);
  const read = readAdapter(folder) as LoraAdapter; // alphas and ranks by patterns, as PEFT reads them
  const { r, lora_alpha } = JSON.parse(readFileSync(join(folder, 'adapter_config.json'), 'utf8'));
  for (const { alpha, rank } of read.modules.values())
    expect(Math.abs(alpha / rank - lora_alpha / r)).toBeLessThan(1e-6);
  const vllm = withModules(read, (module) => ({ ...module, scale: lora_alpha / r }));
  const [expected, plain, ...others] = await Promise.all(
    [[trained], [], [read], [vllm], [padded(read, new Map())]].map(async (adapters) => {
      return (await (await forwardOf(opened(tiny, { adapters }))).run(ids)).lastHidden.data;
    }),
  );
  expect(distance(expected as Float32Array, plain as Float32Array)).toBeGreaterThan(0.1);
  for (const other of others) expect(distance(other, expected as Float32Array)).toBeLessThan(1e-5);
});

function withModules(adapter: LoraAdapter, change: (module: LoraModule) => LoraModule): LoraAdapter {
  return { ...adapter, modules: new Map([...adapter.modules].map(([path, module]) => [path, change(module)])) };
}

// oracle 4
test('a module whose directions explain least is in neither file', async () => {
  const { adapter, ranks } = await eva(opened(tiny), data, { ...options, rank: 1, rho: 4 }, watch);
  const dropped = [...ranks].filter(([, rank]) => rank === 0).map(([name]) => name);
  expect(dropped.length).toBeGreaterThan(0);
  const folder = temporaryFolder();
  await writeAdapter(folder, adapter);
  const text = readFileSync(join(folder, 'adapter_config.json'), 'utf8');
  const { tensors } = openSafetensors(join(folder, 'adapter_model.safetensors'));
  for (const name of dropped) expect(text + [...tensors.keys()].join()).not.toContain(name);
});
