import { throwIfAborted } from '../base/index.ts';
import { compile, type Program, type Value, type Values, value } from '../engine/index.ts';
import { input } from '../tensor/index.ts';
import type { Config } from './config.ts';
import { decoder } from './decoder.ts';
import { checkFound, type ForwardOptions, type Trunk, textFeeds } from './forward.ts';
import { embeddingName, finalNormName, layerPrefix, layerShapes } from './names.ts';
import type { LoadedModel } from './open.ts';
import { freshPositions } from './positions.ts';
import { rotaryFeeds } from './rope-feeds.ts';
import { tapsOf } from './taps.ts';
import { floatWeights } from './weights.ts';

const anyLayer = 'layer.'; // the prefix under which one graph reads every block's weights

/**
 * The by-layer plan: one block's graph is compiled for each kind of block (window, taps, edits) and run for all of
 * them, with the next block's weights read over the last one's. Memory is bounded by one block and the activations.
 */
export async function layerTrunk(model: LoadedModel, options: ForwardOptions): Promise<Trunk> {
  const { config, checkpoint, device, threads } = model;
  const parts = decoder(config, floatWeights);
  const rope = rotaryFeeds(config);
  const buffers = blockBuffers(config);
  const wanted = options.read ?? [];
  const programs = new Map<string, Program>();
  const hidden = input('hidden', 'f32', ['batch', 'seq', config.width]);

  const graphOf = (layer: number) => {
    const taps = tapsOf(wanted, options.edits);
    const output = parts.layer(layer, hidden, freshPositions(config), taps, anyLayer);
    return { taps, outputs: { output, ...Object.fromEntries(taps.found) } };
  };
  const programFor = async (layer: number): Promise<Program> => {
    const own = `layers.${layer}.`;
    const touched = [...wanted, ...Object.keys(options.edits ?? {})].some((path) => path.startsWith(own));
    const kind = touched ? own : `window ${config.windows[layer]}`;
    const known = programs.get(kind) ?? (await compile(graphOf(layer).outputs, { device, threads }));
    programs.set(kind, known);
    return known;
  };
  const ends = tapsOf(wanted, options.edits);
  const top = await compile({ normed: parts.norm(hidden, ends) }, { device, threads });
  const found = new Map([...ends.found]);
  for (let layer = 0; layer < config.layers; layer++)
    for (const [path, x] of graphOf(layer).taps.found) found.set(path, x);
  checkFound(wanted, found);

  return {
    async run(texts, signal) {
      const { feeds, seq } = textFeeds(texts);
      const where: Values = { ...feeds, ...rope(seq) };
      const read: Record<string, Value<'f32'>> = {};
      let x = embed(model, texts, seq);
      if (wanted.includes('embedding')) read.embedding = x;
      for (let layer = 0; layer < config.layers; layer++) {
        throwIfAborted(signal);
        const weights: Record<string, Value> = {};
        for (const [name, { shape, data }] of buffers) {
          checkpoint.readFloat32(layerPrefix(layer) + name, { into: data });
          weights[anyLayer + name] = value('f32', shape, data);
        }
        const program = await programFor(layer);
        const { output, ...taken } = await program.run({ ...where, ...weights, hidden: x });
        Object.assign(read, taken);
        x = output as Value<'f32'>;
        model.progress.step('layers', layer + 1, config.layers, 'layers');
      }
      const gain = value('f32', [config.width], checkpoint.readFloat32(finalNormName));
      const { normed } = await top.run({ hidden: x, [finalNormName]: gain });
      if (wanted.includes('norm')) read.norm = normed as Value<'f32'>;
      return { normed: normed as Value<'f32'>, read };
    },
    async dispose() {
      for (const program of [top, ...programs.values()]) await program.dispose();
    },
  };
}

/** The rows of the embedding table that the texts name, read one by one: the table itself is never held. */
function embed(model: LoadedModel, texts: readonly (readonly number[])[], seq: number): Value<'f32'> {
  const { width, embeddingScale } = model.config;
  const scale = Math.fround(embeddingScale);
  const data = new Float32Array(texts.length * seq * width);
  for (const [b, ids] of texts.entries()) {
    for (let s = 0; s < seq; s++) {
      const at = (b * seq + s) * width;
      const row = data.subarray(at, at + width);
      const id = ids[s] ?? 0;
      model.checkpoint.readFloat32(embeddingName, { rows: [id, id + 1], into: row });
      if (scale !== 1) for (let i = 0; i < width; i++) row[i] = (row[i] as number) * scale;
    }
  }
  return value('f32', [texts.length, seq, width], data);
}

function blockBuffers(config: Config): Map<string, { shape: readonly number[]; data: Float32Array }> {
  const buffers = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, shape] of layerShapes(config)) {
    buffers.set(name, { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) });
  }
  return buffers;
}
