import { compile, type Program, type Value, type Values, value } from '../../engine/index.ts';
import { input, type Tensor } from '../../tensor/index.ts';
import { anyLayer, finalNormName } from '../architecture/names.ts';
import { cachedPositions } from '../architecture/positions.ts';
import { adaptedWeights, graphTemplates, loraAdditions } from '../weights/adapters.ts';
import { openBlocks } from '../weights/block-weights.ts';
import { floatWeights } from '../weights/weights.ts';
import { embedRows } from './by-layer.ts';
import type { Cache } from './cache.ts';
import { openHead } from './head.ts';
import { type DecoderPlan, inPlaceOn, layerCacheFeeds } from './incremental-plan.ts';
import type { LoadedModel } from './open.ts';
import { serialized } from './serialized.ts';
import type { Texts } from './texts.ts';

/** The by-layer plan with a cache: every piece of text costs one reading of the checkpoint, whatever its length. */
export function byLayerDecoderPlan(model: LoadedModel): DecoderPlan {
  const { config, adaptation, device, threads } = model;
  const parts = model.decoder(floatWeights);
  const weightsOf = openBlocks(model, false);
  const head = openHead(model, 'f32');
  const programs = new Map<number, Promise<Program>>();
  const kinds = graphTemplates(model);
  const hidden = input('hidden', 'f32', ['batch', 'seq', config.hiddenSize]);
  const programFor = (layer: number): { named: number; program: Promise<Program> } => {
    const named = kinds[layer] as number;
    const known = programs.get(named) ?? compile(graphOf(named), { device, threads });
    programs.set(named, known);
    return { named, program: known };
  };
  const graphOf = (layer: number): Record<string, Tensor> => {
    const positions = cachedPositions(config, 'batch', inPlaceOn(device));
    const adapted = model.decoder(adaptedWeights(floatWeights, adaptation, config, layer));
    const output = adapted.layer(layer, hidden, positions, undefined, anyLayer);
    return { output, ...positions.fresh };
  };
  const norm = compile({ lastHidden: parts.norm(hidden) }, { device, threads });
  return {
    step: serialized(async (cache: Cache, ids: Texts, where: Values) => {
      const count = (ids[0] as readonly number[]).length;
      let x = embedRows(model, ids, count);
      for (let layer = 0; layer < config.layers; layer++) {
        const { named, program } = programFor(layer);
        const weights = { ...weightsOf(layer), ...loraAdditions(adaptation, layer) };
        const feeds: Record<string, Value> = { ...where, ...weights, hidden: x };
        const into: Record<string, Value> = {};
        layerCacheFeeds(model, cache, count, layer, named, feeds, into);
        x = (await (await program).run(feeds, into)).output as Value<'f32'>;
        // a token that is written shows itself
        if (count > 1) model.progress.step('layers', layer + 1, config.layers, 'layers');
      }
      const last = new Float32Array(cache.batch * config.hiddenSize);
      for (let b = 0; b < cache.batch; b++) {
        const at = (b * count + count - 1) * config.hiddenSize;
        last.set(x.data.subarray(at, at + config.hiddenSize), b * config.hiddenSize);
      }
      const gain = value('f32', [config.hiddenSize], model.checkpoint.readFloat32(finalNormName));
      const rows = value('f32', [cache.batch, 1, config.hiddenSize], last);
      const { lastHidden } = await (await norm).run({ hidden: rows, [finalNormName]: gain });
      return head.logits((lastHidden as Value<'f32'>).data);
    }),
    async dispose() {
      for (const program of [norm, ...programs.values()]) await (await program).dispose();
      await head.dispose();
    },
  };
}
