import { compile, type Program, type Value, type Values } from '../../engine/index.ts';
import { input, slice, toEnd } from '../../tensor/index.ts';
import { cachedPositions } from '../architecture/positions.ts';
import { shortLivedRoom } from '../weights/room.ts';
import { embedRows } from './by-layer.ts';
import type { Cache } from './cache.ts';
import { type DecoderPlan, inPlaceOn, layerCacheFeeds } from './incremental-plan.ts';
import type { LoadedModel } from './open.ts';
import { type Stage, stagesOf } from './stages.ts';

const forAlignment = 2 ** 20; // of arrays in the room

/**
 * The whole plan with a cache: all weights are held by the runtime, in a few sessions that are run one after the other.
 * They are made one at a time, and the weights of one are given up before the next are read, so that opening takes
 * little more memory than the model. Rows of the embedding table are read from the checkpoint.
 */
export async function wholeDecoderPlan(
  model: LoadedModel,
  batch: number,
  { stages } = stagesOf(model),
): Promise<DecoderPlan> {
  const programs = new Map<Stage, Program>();
  for (const stage of stages.toReversed()) programs.set(stage, await compiled(model, batch, stage, stages.length > 1));
  return {
    async step(cache, ids, where) {
      const count = (ids[0] as readonly number[]).length;
      let hidden: Value = embedRows(model, ids, count);
      for (const stage of stages) {
        const { feeds, into } = cacheFeeds(model, cache, count, stage);
        const results = await (programs.get(stage) as Program).run({ ...where, ...feeds, hidden }, into);
        hidden = results.output as Value;
      }
      return (hidden as Value<'f32'>).data;
    },
    async dispose() {
      for (const program of programs.values()) await program.dispose();
    },
  };
}

/** Blocks of a stage, and behind the last ones the norm and the head, which gives logits in place of hidden states. */
async function compiled(model: LoadedModel, batch: number, stage: Stage, isStage: boolean): Promise<Program> {
  const { config, device, threads } = model;
  const bound = model.bound();
  const parts = model.decoder(bound.weights);
  const positions = cachedPositions(config, batch, inPlaceOn(device));
  let output = input('hidden', 'f32', [batch, 'seq', config.hiddenSize]);
  for (let layer = stage.from; layer < stage.to; layer++) output = parts.layer(layer, output, positions);
  if (stage.hasHead) output = parts.logits(parts.norm(slice(output, 1, -1, toEnd)));
  const room = shortLivedRoom(stage.given + forAlignment);
  try {
    const weights = bound.valuesIn(room);
    return await compile({ output, ...positions.fresh }, { device, threads, isStage, weights });
  } finally {
    room.free();
  }
}

/** A cache as inputs, and the room behind it as the place of the results. */
function cacheFeeds(model: LoadedModel, cache: Cache, count: number, stage: Stage): { feeds: Values; into: Values } {
  const feeds: Record<string, Value> = {};
  const into: Record<string, Value> = {};
  for (let layer = stage.from; layer < stage.to; layer++)
    layerCacheFeeds(model, cache, count, layer, layer, feeds, into);
  return { feeds, into };
}
