import { throwIfAborted } from '../base/index.ts';
import { compile, type Program, type Value, type Values, value } from '../engine/index.ts';
import { input, type Outputs } from '../tensor/index.ts';
import { adaptedWeights, blockKinds, layerAdditions } from './adapters.ts';
import type { Config } from './config.ts';
import { decoder } from './decoder.ts';
import { allFinite, nonFinite } from './finite.ts';
import type { ForwardOptions, Trunk } from './forward.ts';
import { anyLayer, embeddingName, finalNormName, layerPrefix, layerShapes } from './names.ts';
import type { LoadedModel, Plan } from './open.ts';
import { freshPositions } from './positions.ts';
import { promptName } from './prompt.ts';
import { tapsOf } from './taps.ts';
import { type Texts, textFeeds } from './texts.ts';
import { inTurn } from './turns.ts';
import { floatWeights } from './weights.ts';

/**
 * The by-layer plan: one block's graph is compiled for each kind of block (window, adapters, taps, edits) and run for
 * all of them, with the next block's weights read over the last one's. Memory is bounded by one block and the activations.
 */
export async function layerTrunk(model: LoadedModel, options: ForwardOptions): Promise<Trunk> {
  const { config, adaptation, checkpoint, device, threads } = model;
  const { prefixTokens } = adaptation;
  const parts = decoder(config, floatWeights);
  const feedsOf = textFeeds(config, prefixTokens);
  const buffers = blockBuffers(config);
  const wanted = options.read ?? [];
  const programs = new Map<number, Program>();
  const hidden = input('hidden', 'f32', ['batch', 'seq', config.width]);

  const graphOf = (layer: number): Outputs => {
    const taps = tapsOf(wanted, options.edits);
    const adapted = decoder(config, adaptedWeights(floatWeights, adaptation, config, layer));
    const positions = freshPositions(config, 'batch', 'seq', prefixTokens);
    const output = adapted.layer(layer, hidden, positions, taps, anyLayer);
    return { output, ...Object.fromEntries(taps.found) };
  };
  const paths = [...wanted, ...Object.keys(options.edits ?? {})];
  const isTouched = (layer: number) => paths.some((path) => path.startsWith(`layers.${layer}.`));
  const kinds = blockKinds(model, isTouched);
  const programFor = async (layer: number): Promise<Program> => {
    const known = programs.get(layer) ?? (await compile(graphOf(layer), { device, threads }));
    programs.set(layer, known);
    return known;
  };
  const ends = tapsOf([], options.edits);
  const bottom = ends.wants('embedding')
    ? await compile({ edited: ends.at('embedding', hidden) }, { device, threads })
    : undefined;
  const top = await compile({ normed: parts.norm(hidden, ends) }, { device, threads });

  return {
    run: inTurn(async (texts: Texts, signal?: AbortSignal) => {
      const { feeds, seq } = feedsOf(texts);
      const read: Record<string, Value<'f32'>> = {};
      let x = embedRows(model, texts, seq);
      if (!allFinite(x.data)) throw nonFinite(checkpoint, 'the embedding', [embeddingName]);
      if (bottom) x = (await bottom.run({ hidden: x })).edited as Value<'f32'>;
      if (wanted.includes('embedding')) read.embedding = x;
      for (let layer = 0; layer < config.layers; layer++) {
        throwIfAborted(signal);
        const weights = readBlock(model, layer, buffers);
        const named = kinds[layer] as number;
        const program = await programFor(named);
        const added = layerAdditions(adaptation, layer, named);
        const { output, ...taken } = await program.run({ ...feeds, ...weights, ...added, hidden: x });
        Object.assign(read, taken);
        x = output as Value<'f32'>;
        if (!allFinite(x.data)) throw nonFinite(checkpoint, `layer ${layer}`, blockNames(config, layer));
        model.progress.step('layers', layer + 1, config.layers, 'layers');
      }
      const gain = value('f32', [config.width], checkpoint.readFloat32(finalNormName));
      const normed = (await top.run({ hidden: x, [finalNormName]: gain })).normed as Value<'f32'>;
      if (!allFinite(normed.data)) throw nonFinite(checkpoint, 'the final norm', [finalNormName]);
      if (wanted.includes('norm')) read.norm = normed;
      return { normed, read };
    }),
    async dispose() {
      for (const program of [bottom, top, ...programs.values()]) await program?.dispose();
    },
  };
}

/**
 * The weights of one block after the other under the names that every block has: held in memory under the whole plan,
 * read over the last block's under the other one.
 */
export function openBlocks(model: LoadedModel, plan: Plan): (layer: number) => Values {
  if (plan === 'by-layer') {
    const buffers = blockBuffers(model.config);
    return (layer) => readBlock(model, layer, buffers);
  }
  const bound = model.bound('f32');
  const names = [...layerShapes(model.config).keys()];
  return (layer) =>
    Object.fromEntries(names.map((name) => [anyLayer + name, bound.value(layerPrefix(layer) + name) as Value]));
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
  const { width, vocabulary, embeddingScale } = model.config;
  const [prompt, table] = [heldOf(promptName), heldOf(embeddingName)];
  const scale = Math.fround(embeddingScale);
  const data = new Float32Array(texts.length * seq * width);
  for (const [b, ids] of texts.entries()) {
    for (let s = 0; s < seq; s++) {
      const at = (b * seq + s) * width;
      const row = data.subarray(at, at + width);
      const id = ids[s] ?? 0;
      if (prompt && id >= vocabulary) {
        const from = (id - vocabulary) * width;
        row.set(prompt.subarray(from, from + width));
        continue;
      }
      if (table) row.set(table.subarray(id * width, (id + 1) * width));
      else model.checkpoint.readFloat32(embeddingName, { rows: [id, id + 1], into: row });
      if (scale !== 1) for (let i = 0; i < width; i++) row[i] = (row[i] as number) * scale;
    }
  }
  return value('f32', [texts.length, seq, width], data);
}

/** Room for one block's weights. */
export function blockBuffers(config: Config): Map<string, { shape: readonly number[]; data: Float32Array }> {
  const buffers = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, shape] of layerShapes(config)) {
    buffers.set(name, { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) });
  }
  return buffers;
}

export const blockNames = (config: Config, layer: number): string[] =>
  [...layerShapes(config).keys()].map((name) => layerPrefix(layer) + name);

/** Reads a block's weights over the last one's, under the names that every block has. */
export function readBlock(model: LoadedModel, layer: number, buffers: ReturnType<typeof blockBuffers>): Values {
  const weights: Record<string, Value> = {};
  for (const [name, { shape, data }] of buffers) {
    model.checkpoint.readFloat32(layerPrefix(layer) + name, { into: data });
    weights[anyLayer + name] = value('f32', shape, data);
  }
  return weights;
}
