import { throwIfAborted, type Watch } from '../../base/index.ts';
import { compile, type Value, type Values, value } from '../../engine/index.ts';
import {
  type BlockRunner,
  embedRows,
  type LoadedModel,
  openBlockRunner,
  scoringNeed,
  textFeeds,
  usualTokens,
  weightFeeds,
} from '../../model/index.ts';
import { input, type Tensor } from '../../tensor/index.ts';
import {
  crossEntropy,
  distillation,
  type Example,
  type Loss,
  predictionMicroBatch,
  rowsIn,
} from '../../train/index.ts';

/** What single layers do to a model, measured on texts. */
export interface LayerEffects {
  /** By layer: the mean over positions of KL(whole model || without the layer), in nats. */
  importance(texts: readonly Example[], watch?: Watch): Promise<number[]>;
  /** By layer of `kept`: the mean negative log-likelihood of those layers without it. */
  lossWithout(texts: readonly Example[], kept: readonly number[], watch?: Watch): Promise<number[]>;
  /** By layer: 1 - cos(input, output), the mean over positions. (ShortGPT, arXiv 2403.03853, equation 1) */
  blockInfluence(texts: readonly Example[], watch?: Watch): Promise<number[]>;
  dispose(): Promise<void>;
}

const textsAtOnce = 4;
const rowsAtOnce = 256; // of logits
const rowsName = 'rows of hidden';

/**
 * Opens a model for it, block by block in float32. The states before each layer are computed once, so that leaving out
 * each of K layers takes K (K - 1) / 2 + K blocks in place of K squared.
 */
export async function openLayerEffects(model: LoadedModel): Promise<LayerEffects> {
  const { config, device, threads } = model;
  const plan = model.planFor(scoringNeed(model, 'whole', usualTokens(config)).peak);
  const runner = openBlockRunner(model, plan === 'whole');
  const bound = model.bound('f32');
  const parts = model.decoder(bound.weights);
  const rows = input(rowsName, 'f32', ['rows', config.hiddenSize]);
  const logits = parts.logits(parts.norm(rows));
  const compiled = (outputs: Record<string, Tensor>) => compile(outputs, { device, threads });
  const lossOf = async (loss: Loss) => compiled({ loss: loss(logits) });
  const programs = {
    logits: await compiled({ logits }),
    divergence: await lossOf(distillation(1)),
    crossEntropy: await lossOf(crossEntropy),
  };
  const feedsOf = textFeeds(config);
  const batchesOf = (texts: readonly Example[]) =>
    Array.from({ length: Math.ceil(texts.length / textsAtOnce) }, (_, i) =>
      texts.slice(i * textsAtOnce, (i + 1) * textsAtOnce),
    );
  const inputsOf = (texts: readonly Example[]) => {
    const ids = texts.map((text) => text.ids);
    const { feeds: positions, seq } = feedsOf(ids);
    return { positions, hidden: embedRows(model, ids, seq) };
  };

  /** Mean losses over the targets of the texts, of the final states that `finals` gives of a batch. */
  async function meanLosses(
    texts: readonly Example[],
    loss: 'divergence' | 'crossEntropy',
    finals: (batch: readonly Example[]) => Promise<{ whole?: Value<'f32'>; each: readonly Value<'f32'>[] }>,
  ): Promise<number[]> {
    let sums: number[] = [];
    let targets = 0;
    for (const batch of batchesOf(texts)) {
      const { whole, each } = await finals(batch);
      const microBatch = predictionMicroBatch(batch, 1);
      targets += microBatch.rows.length;
      for (let from = 0; from < microBatch.rows.length; from += rowsAtOnce) {
        const some = microBatch.rows.slice(from, from + rowsAtOnce);
        const feeds = sliced(microBatch.feeds, from, some.length);
        const weights = weightFeeds(programs[loss], bound.value);
        const hiddenOf = (states: Value<'f32'>) => {
          const data = rowsIn(states, some);
          return { [rowsName]: value('f32', [some.length, config.hiddenSize], data) };
        };
        const taught: Values = whole
          ? { teacher: (await programs.logits.run({ ...weights, ...hiddenOf(whole) })).logits as Value }
          : {};
        for (const [i, states] of each.entries()) {
          const given = { ...weights, ...feeds, ...taught, ...hiddenOf(states) };
          const { data } = (await programs[loss].run(given)).loss as Value<'f32'>;
          sums[i] = (sums[i] ?? 0) + (data[0] as number);
        }
      }
    }
    sums = sums.map((sum) => sum / targets);
    return sums;
  }

  return {
    async importance(texts, watch) {
      const layers = config.slidingWindows.map((_, layer) => layer);
      let done = 0;
      return meanLosses(texts, 'divergence', async (batch) => {
        const found = await withoutEach(runner, layers, inputsOf(batch), watch);
        done += batch.length;
        watch?.progress?.step('importance', done, texts.length, 'texts');
        return found;
      });
    },
    lossWithout: (texts, kept, watch) =>
      meanLosses(texts, 'crossEntropy', async (batch) => ({
        each: (await withoutEach(runner, kept, inputsOf(batch), watch)).each,
      })),
    async blockInfluence(texts, watch = {}) {
      const sums = new Array<number>(config.layers).fill(0);
      let positions = 0;
      for (const batch of batchesOf(texts)) {
        const { positions: where, hidden } = inputsOf(batch);
        let x = hidden;
        for (let layer = 0; layer < config.layers; layer++) {
          throwIfAborted(watch.signal);
          const { output } = await runner.run(layer, { hidden: x, positions: where });
          sums[layer] = (sums[layer] as number) + turned(x, output, batch);
          x = output;
        }
        positions += batch.reduce((sum, { ids }) => sum + ids.length, 0);
      }
      return sums.map((sum) => sum / positions);
    },
    async dispose() {
      await runner.dispose();
      for (const program of Object.values(programs)) await program.dispose();
    },
  };
}

/** The final states of the layers `kept`, and of them without each one. */
async function withoutEach(
  runner: BlockRunner,
  kept: readonly number[],
  { hidden, positions }: { readonly hidden: Value<'f32'>; readonly positions: Values },
  { signal }: Watch = {},
): Promise<{ whole: Value<'f32'>; each: readonly Value<'f32'>[] }> {
  const through = async (layers: readonly number[], from: Value<'f32'>) => {
    let x = from;
    for (const layer of layers) x = (await runner.run(layer, { hidden: x, positions, signal })).output;
    return x;
  };
  const each: Value<'f32'>[] = [];
  let before = hidden;
  for (const [i, layer] of kept.entries()) {
    each.push(await through(kept.slice(i + 1), before));
    before = await through([layer], before);
  }
  return { whole: before, each };
}

/** The sum over the positions of texts of 1 - cos(before, after). */
function turned(before: Value<'f32'>, after: Value<'f32'>, texts: readonly Example[]): number {
  const [, seq, width] = before.shape as readonly [number, number, number];
  let sum = 0;
  for (const [b, { ids }] of texts.entries()) {
    for (let s = 0; s < ids.length; s++) {
      const at = (b * seq + s) * width;
      let [product, x, y] = [0, 0, 0];
      for (let k = at; k < at + width; k++) {
        const [p, q] = [before.data[k] as number, after.data[k] as number];
        product += p * q;
        x += p * p;
        y += q * q;
      }
      sum += 1 - product / Math.sqrt(x * y);
    }
  }
  return sum;
}

/** Some of the rows of what a loss reads. */
function sliced(feeds: Values, from: number, count: number): Values {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, { dtype, shape, data }]) => [
      name,
      value(dtype, [count, ...shape.slice(1)], data.slice(from, from + count) as typeof data),
    ]),
  );
}
