import { allFinite, serialized } from '../../base/index.ts';
import { compile, type Value, value } from '../../engine/index.ts';
import { input } from '../../tensor/index.ts';
import { embeddingName, finalNormName } from '../architecture/names.ts';
import { tapsOf } from '../architecture/taps.ts';
import { nonFinite } from '../weights/finite.ts';
import { promptName } from '../weights/prompt.ts';
import { floatWeights } from '../weights/weights.ts';
import type { Backbone, ForwardOptions, RunOptions } from './backbone.ts';
import { openBlockRunner } from './block-runner.ts';
import type { LoadedModel } from './open.ts';
import { type Texts, textFeeds } from './texts.ts';

/**
 * The by-layer plan: one graph serves all blocks of a kind, with the next block's weights read over the last one's.
 * Memory is bounded by one block and the activations.
 */
export async function byLayerBackbone(
  model: LoadedModel,
  { read: wanted = [], edits, positions: wrapped }: ForwardOptions,
): Promise<Backbone> {
  const { config, adaptation, checkpoint, device, threads } = model;
  const parts = model.decoder(floatWeights);
  const feedsOf = textFeeds(config, adaptation.prefixTokens);
  const blocks = openBlockRunner(model, false, { edits, positions: wrapped });
  const hidden = input('hidden', 'f32', ['batch', 'seq', config.hiddenSize]);
  const ends = tapsOf([], edits);
  const bottom = ends.wants('embedding')
    ? await compile({ edited: ends.at('embedding', hidden) }, { device, threads })
    : undefined;
  const top = await compile({ lastHidden: parts.norm(hidden, ends) }, { device, threads });
  const pathsIn = config.slidingWindows.map((_, layer) => {
    const prefix = `layers.${layer}.`;
    return wanted.flatMap((path) => (path.startsWith(prefix) ? [path.slice(prefix.length)] : []));
  });

  return {
    run: serialized(async (texts: Texts, { feeds = {}, signal }: RunOptions = {}) => {
      const { feeds: positions, seq } = feedsOf(texts);
      const read: Record<string, Value<'f32'>> = {};
      let x = embedRows(model, texts, seq);
      if (!allFinite(x.data)) throw nonFinite(checkpoint, 'the embedding', [embeddingName]);
      if (bottom) x = (await bottom.run({ ...feeds, hidden: x })).edited as Value<'f32'>;
      if (wanted.includes('embedding')) read.embedding = x;
      for (const [layer, paths] of pathsIn.entries()) {
        const { output, activations } = await blocks.run(layer, { paths, hidden: x, positions, feeds, signal });
        for (const [path, taken] of Object.entries(activations)) read[`layers.${layer}.${path}`] = taken;
        x = output;
        model.progress.step('layers', layer + 1, config.layers, 'layers');
      }
      const gain = value('f32', [config.hiddenSize], checkpoint.readFloat32(finalNormName));
      const lastHidden = (await top.run({ ...feeds, hidden: x, [finalNormName]: gain })).lastHidden as Value<'f32'>;
      if (!allFinite(lastHidden.data)) throw nonFinite(checkpoint, 'the final norm', [finalNormName]);
      if (wanted.includes('norm')) read.norm = lastHidden;
      return { lastHidden, read };
    }),
    async dispose() {
      for (const part of [bottom, top, blocks]) await part?.dispose();
    },
  };
}

/**
 * The rows of the embedding table (or of a prompt behind it) that the texts name, padded with those of id 0. `heldOf` gives
 * prompt and table where they are in memory; otherwise rows are read one by one, and the table is never held.
 */
export function embedRows(
  model: LoadedModel,
  texts: Texts,
  seq: number,
  heldOf = (name: string) => model.adaptation.values.get(name)?.data,
): Value<'f32'> {
  const { hiddenSize, vocabulary, embeddingScale } = model.config;
  const [prompt, table] = [heldOf(promptName), heldOf(embeddingName)];
  const scale = Math.fround(embeddingScale);
  const data = new Float32Array(texts.length * seq * hiddenSize);
  for (const [b, ids] of texts.entries()) {
    for (let s = 0; s < seq; s++) {
      const at = (b * seq + s) * hiddenSize;
      const row = data.subarray(at, at + hiddenSize);
      const id = ids[s] ?? 0;
      if (prompt && id >= vocabulary) {
        const from = (id - vocabulary) * hiddenSize;
        row.set(prompt.subarray(from, from + hiddenSize));
        continue;
      }
      if (table) row.set(table.subarray(id * hiddenSize, (id + 1) * hiddenSize));
      else model.checkpoint.readFloat32(embeddingName, { rows: [id, id + 1], into: row });
      if (scale !== 1) for (let i = 0; i < hiddenSize; i++) row[i] = (row[i] as number) * scale;
    }
  }
  return value('f32', [texts.length, seq, hiddenSize], data);
}
