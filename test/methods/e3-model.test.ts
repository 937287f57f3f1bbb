import { describe, expect, test } from 'vitest';
import { randomFrom } from '../../src/base/index.ts';
import type { Checkpoint } from '../../src/checkpoint/index.ts';
import { overlaid } from '../../src/checkpoint/index.ts';
import type { Value } from '../../src/engine/index.ts';
import { openLayerEffects } from '../../src/methods/e3-pruner/layer-effects.ts';
import { openMaskedModel } from '../../src/methods/e3-pruner/masked.ts';
import { initialLogits } from '../../src/methods/e3-pruner/schedule.ts';
import { beginSearch, keptBy, searchDefaults, searchMask } from '../../src/methods/e3-pruner/search.ts';
import { keptLayers, type LoadedModel, loadModel, openForward, weightShapes } from '../../src/model/index.ts';
import { crossEntropy, type Example, predictionSampler } from '../../src/train/index.ts';
import { distance, goldenPath, logitsOf, opened } from '../model/goldens.ts';

const texts = (vocabulary: number, count = 3, length = 12): Example[] => {
  const random = randomFrom(4);
  return Array.from({ length: count }, () => ({
    ids: Array.from({ length }, () => Math.floor(random() * vocabulary)),
    lossMask: undefined,
  }));
};

/** A model of six layers: those of a golden again and again, with every second copy's weights turned around. */
function deeper(path: string): Checkpoint {
  const { checkpoint, config } = opened(path);
  const layers = 6;
  const tensors = new Map<string, { shape: readonly number[]; read(): Float32Array }>();
  for (const [name, shape] of weightShapes({ ...config, layers })) {
    const [, layer = '', part = ''] = /^model\.layers\.(\d+)\.(.*)$/.exec(name) ?? [];
    if (layer === '') continue;
    const from = `model.layers.${Number(layer) % config.layers}.${part}`;
    const isTurned = Number(layer) >= config.layers && shape.length > 1;
    tensors.set(name, {
      shape,
      read() {
        const values = checkpoint.readFloat32(from);
        return isTurned ? values.toReversed().map((x) => x * (1 - 0.1 * Number(layer))) : values;
      },
    });
  }
  const lists = Array.isArray(checkpoint.config.layer_types)
    ? { layer_types: Array.from({ length: layers }, (_, l) => (l % 2 ? 'full_attention' : 'sliding_attention')) }
    : {};
  return overlaid(checkpoint, { config: { num_hidden_layers: layers, ...lists }, tensors });
}

/** A checkpoint in which some layers add nothing. */
function silenced(source: Checkpoint, layers: readonly number[]): Checkpoint {
  const names = layers.flatMap((layer) =>
    ['self_attn.o_proj', 'mlp.down_proj'].map((part) => `model.layers.${layer}.${part}.weight`),
  );
  const zeros = names.map((own) => {
    const shape = source.tensors.get(own)?.shape as readonly number[];
    return [own, { shape, read: () => new Float32Array(shape.reduce((a, b) => a * b, 1)) }] as const;
  });
  return overlaid(source, { tensors: new Map(zeros) });
}

const batching = { size: 3, atOnce: 3, shuffle: false, seed: 0, before: [] };
const size = { batch: 3, sequence: 12 };
const layersOf = ({ config }: LoadedModel) => [...Array(config.layers).keys()];

describe.each(['llama', 'gemma3'])('%s', (name) => {
  const model = () => loadModel(deeper(goldenPath(name)), { precision: 'f32' });

  async function masked(loaded: LoadedModel, plan?: 'whole' | 'by-layer' | 'by-layer, weights from disk') {
    const sampler = predictionSampler(texts(loaded.config.vocabulary), batching);
    return openMaskedModel(loaded, crossEntropy, sampler, size, plan);
  }

  /** Cross entropy of the texts by the model of some layers alone. */
  async function lossOf(checkpoint: Checkpoint): Promise<number> {
    const pruned = loadModel(checkpoint, { precision: 'f32' });
    const opened = await openMaskedModel(
      pruned,
      crossEntropy,
      predictionSampler(texts(pruned.config.vocabulary), batching),
      size,
    );
    const loss = await opened.loss(new Array(pruned.config.layers).fill(1), 0);
    await opened.close();
    return loss;
  }

  // oracles 10 and 11
  test('a masked loss is exactly that of the model without the layers', async () => {
    const whole = model();
    const opened = await masked(whole);
    for (const kept of [[0, 1, 2, 3, 4, 5], [0, 2, 5], [1], [3, 4]]) {
      const gates = layersOf(whole).map((layer) => Number(kept.includes(layer)));
      expect(await opened.loss(gates, 0)).toBe(await lossOf(keptLayers(whole.checkpoint, kept)));
    }
    const nothing = await opened.loss(new Array(6).fill(0), 0);
    await opened.close();
    // a single layer that adds nothing leaves norm and head on the embeddings
    expect(nothing).toBe(await lossOf(keptLayers(silenced(whole.checkpoint, [0]), [0])));
  });

  // oracles 8, 9 and 20: on the model, by slopes; dropped layers too
  test('derivatives by gates are slopes, and the same whole, by layer and with weights from the disk', async () => {
    const whole = model();
    const gates = Float64Array.from([1, 0, 1, 1, 0, 1]);
    const plans = ['whole', 'by-layer', 'by-layer, weights from disk'] as const;
    const results: { readonly loss: number; readonly gradient: ArrayLike<number> }[] = [];
    for (const plan of plans) {
      const opened = await masked(whole, plan);
      results.push(await opened.objective(gates, 0));
      if (plan === 'whole') {
        const { gradient } = results[0] as { gradient: ArrayLike<number> };
        for (const layer of layersOf(whole)) {
          const at = (by: number) =>
            opened.loss(
              Float64Array.from(gates, (g, l) => (l === layer ? g + by : g)),
              0,
            );
          const h = 0.01;
          const slope = ((await at(h)) - (await at(-h))) / (2 * h);
          expect(Math.abs(slope - (gradient[layer] as number))).toBeLessThan(2e-3 * Math.max(1, Math.abs(slope)));
        }
      }
      await opened.close();
    }
    const [first, ...others] = results as [(typeof results)[0], ...typeof results];
    for (const { loss, gradient } of others) {
      expect(loss).toBeCloseTo(first.loss, 5);
      expect(distance(gradient, first.gradient)).toBeLessThan(
        1e-5 * Math.max(1, ...Array.from(first.gradient, Math.abs)),
      );
    }
  });

  // oracle 14
  test('importance with the states before each layer kept is that of running without each layer', async () => {
    const whole = model();
    const effects = await openLayerEffects(whole);
    const data = texts(whole.config.vocabulary, 5, 9);
    const found = await effects.importance(data);
    const kept = layersOf(whole);
    const losses = await effects.lossWithout(data, [0, 2, 4]);
    await effects.dispose();
    const logits = async (checkpoint: Checkpoint) => {
      const loaded = loadModel(checkpoint, { precision: 'f32' });
      const forward = await openForward(loaded);
      const all = await Promise.all(data.map(({ ids }) => logitsOf(forward, ids)));
      await forward.dispose();
      return all;
    };
    const { vocabulary } = whole.config;
    const all = await logits(whole.checkpoint);
    const logSoftmax = (x: Float32Array) => {
      const total = Math.log(x.reduce((sum, each) => sum + Math.exp(each), 0));
      return Array.from(x, (each) => each - total);
    };
    const rowsOf = (x: Float32Array) =>
      Array.from({ length: x.length / vocabulary - 1 }, (_, i) =>
        logSoftmax(x.subarray(i * vocabulary, (i + 1) * vocabulary)),
      );
    for (const layer of kept) {
      const without = await logits(
        keptLayers(
          whole.checkpoint,
          kept.filter((other) => other !== layer),
        ),
      );
      let [sum, count] = [0, 0];
      for (const [t, x] of all.entries()) {
        const q = rowsOf(without[t] as Float32Array);
        for (const [i, p] of rowsOf(x).entries()) {
          sum += p.reduce((kl, log, v) => kl + Math.exp(log) * (log - (q[i]?.[v] as number)), 0);
          count++;
        }
      }
      expect(found[layer]).toBeCloseTo(sum / count, 5);
    }
    for (const [i, layer] of [0, 2, 4].entries()) {
      const rest = await logits(
        keptLayers(
          whole.checkpoint,
          [0, 2, 4].filter((other) => other !== layer),
        ),
      );
      let [sum, count] = [0, 0];
      for (const [t, x] of rest.entries()) {
        for (const [at, p] of rowsOf(x).entries()) {
          sum -= p[data[t]?.ids[at + 1] as number] as number;
          count++;
        }
      }
      expect(losses[i]).toBeCloseTo(sum / count, 5);
    }
  });

  // oracle 12
  test('layers that do nothing have no importance and no influence, and a search drops exactly those', async () => {
    const nulls = [1, 4];
    const source = deeper(goldenPath(name));
    const whole = loadModel(silenced(source, nulls), { precision: 'f32' });
    const data = texts(whole.config.vocabulary);
    const effects = await openLayerEffects(whole);
    const importance = await effects.importance(data);
    const influence = await effects.blockInfluence(data);
    await effects.dispose();
    for (const layer of nulls) {
      expect(Math.abs(importance[layer] as number)).toBeLessThan(1e-6);
      expect(Math.abs(influence[layer] as number)).toBeLessThan(1e-6);
    }
    const opened = await masked(whole);
    const free = layersOf(whole);
    const how = { ...searchDefaults, steps: 20, drop: 2, samples: 1, relaxation: 'threshold', seed: 1 } as const;
    const { logits } = await searchMask(opened.objective, free, 6, how, beginSearch(initialLogits(importance)));
    await opened.close();
    const kept = keptBy(logits, free, 6, 2);
    expect(kept).toEqual(free.filter((layer) => !nulls.includes(layer)));
    expect(await lossOf(keptLayers(whole.checkpoint, kept))).toBeCloseTo(await lossOf(whole.checkpoint), 5);
  });
});

// oracle 18
test('Llama-2-7B with 12 of its 32 layers has the parameters of the paper', () => {
  const config = {
    ...opened(goldenPath('llama')).config,
    ...{ hiddenSize: 4096, heads: 32, keyValueHeads: 32, headSize: 128, intermediateSize: 11_008, vocabulary: 32_000 },
    ...{ tiedEmbeddings: false, layers: 12 },
  };
  const elements = [...weightShapes(config).values()].map((shape) => shape.reduce((a, b) => a * b, 1));
  expect(elements.reduce((a, b) => a + b)).toBe(2_690_748_416);
});

// oracle 19 needs Llama-2-7B; the influence itself against its definition
test('block influence is 1 - cos of what a layer reads and gives', async () => {
  const whole = opened(goldenPath('llama'), { precision: 'f32' });
  const effects = await openLayerEffects(whole);
  const data = texts(whole.config.vocabulary, 2, 7);
  const influence = await effects.blockInfluence(data);
  await effects.dispose();
  const paths = ['embedding', ...layersOf(whole).map((layer) => `layers.${layer}.residual.post`)];
  const forward = await openForward(whole, { read: paths });
  for (const layer of layersOf(whole)) {
    let [sum, count] = [0, 0];
    for (const { ids } of data) {
      const { read } = await forward.run([ids]);
      const [x, y] = [read[paths[layer] as string], read[paths[layer + 1] as string]] as [Value<'f32'>, Value<'f32'>];
      const width = x.shape[2] as number;
      const dot = (a: Value<'f32'>, b: Value<'f32'>, at: number) =>
        a.data.subarray(at, at + width).reduce((all, each, k) => all + each * (b.data[at + k] as number), 0);
      for (let at = 0; at < x.data.length; at += width) {
        sum += 1 - dot(x, y, at) / Math.sqrt(dot(x, x, at) * dot(y, y, at));
        count++;
      }
    }
    expect(influence[layer]).toBeCloseTo(sum / count, 6);
  }
  await forward.dispose();
});
