import { availableMemory, compile, integers, type Program, type Value, type Values } from '../../engine/index.ts';
import { gather, input, type Outputs, reshape, type Tensor } from '../../tensor/index.ts';
import { type CachedPositions, cachedPositions } from '../architecture/positions.ts';
import { tapsOf } from '../architecture/taps.ts';
import { shortLivedRoom } from '../weights/room.ts';
import type { ActivationOptions } from './backbone.ts';
import { embedRows } from './by-layer.ts';
import type { GraphInputs } from './decoder-feeds.ts';
import { type DecoderPlan, type DecoderResult, inPlaceOn, layerCacheFeeds } from './incremental-plan.ts';
import { fits, type LoadedModel } from './open.ts';
import { type Stage, type Staging, stagesOf } from './stages.ts';
import { openTogether } from './together.ts';

const forAlignment = 2 ** 20; // of arrays in the room

/**
 * The whole plan with a cache: all weights are held by the runtime, in a few sessions that are run one after the other.
 * They are made one at a time, and the weights of one are given up before the next are read, so that opening takes
 * little more memory than the model. Rows of the embedding table are read from the checkpoint. Where `together` tokens of
 * several sequences are to be read in one run, a second set of sessions holds the weights again, if memory allows it.
 */
export async function wholeDecoderPlan(
  model: LoadedModel,
  together: number,
  options: ActivationOptions,
  staging = stagesOf(model),
): Promise<DecoderPlan> {
  const { config, device } = model;
  const programs = await openStages(model, staging, options, true, () => cachedPositions(config, 1, inPlaceOn(device)));
  const isWorth = together > 1 && inPlaceOn(device) && fits(staging.peak, availableMemory());
  const slots = isWorth ? await openTogether(model, together, options, staging) : undefined;
  return {
    ...(slots ? { together: slots } : {}),
    inputs: programs.inputs,
    step: (run) =>
      programs.run(run.ids, { ...run.feeds, ...run.where, wanted: integers(run.wanted) }, (layer, feeds, into) =>
        layerCacheFeeds(model, run, layer, layer, feeds, into),
      ),
    async dispose() {
      await programs.dispose();
      await slots?.dispose();
    },
  };
}

export type LayerFeeds = (layer: number, feeds: Record<string, Value>, into: Record<string, Value>) => void;

/** The sessions of a model that are run one after the other. */
export interface StagedPrograms {
  readonly inputs: GraphInputs;
  /** Runs tokens; `feedLayer` adds what each layer reads, and where its results go. */
  run(ids: readonly number[], where: Values, feedLayer: LayerFeeds): Promise<DecoderResult>;
  dispose(): Promise<void>;
}

/** Compiles the stages of a model, the last one first. With `isPicked` logits are of the rows that the input `wanted` names. */
export async function openStages(
  model: LoadedModel,
  { stages }: Staging,
  options: ActivationOptions,
  isPicked: boolean,
  positionsOf: () => CachedPositions,
): Promise<StagedPrograms> {
  const programs = new Map<Stage, Program>();
  for (const stage of stages.toReversed()) {
    const outputs = stageOutputs(model, stage, options, isPicked, positionsOf());
    programs.set(stage, await compiled(model, stage, outputs, stages.length > 1));
  }
  return {
    inputs: new Map([...programs.values()].flatMap(({ inputs }) => [...inputs])),
    async run(ids, where, feedLayer) {
      let hidden: Value = embedRows(model, [ids], ids.length);
      const read: Record<string, Value<'f32'>> = {};
      for (const stage of stages) {
        const feeds: Record<string, Value> = { ...where, hidden };
        const into: Record<string, Value> = {};
        for (let layer = stage.from; layer < stage.to; layer++) feedLayer(layer, feeds, into);
        const results = (await (programs.get(stage) as Program).run(feeds, into)) as Record<string, Value<'f32'>>;
        for (const path of options.read ?? []) if (results[path]) read[path] = results[path];
        hidden = results.output as Value;
      }
      return { logits: (hidden as Value<'f32'>).data, read };
    },
    async dispose() {
      for (const program of programs.values()) await program.dispose();
    },
  };
}

/** Blocks of a stage, and behind the last ones the norm and the head, which gives logits in place of hidden states. */
function stageOutputs(
  model: LoadedModel,
  stage: Stage,
  { read = [], edits }: ActivationOptions,
  isPicked: boolean,
  positions: CachedPositions,
): Outputs {
  const { hiddenSize } = model.config;
  const parts = model.decoder(model.bound().weights);
  const taps = tapsOf(read, edits);
  const embedded = input('hidden', 'f32', [1, 'seq', hiddenSize]);
  let output = stage.from === 0 ? taps.at('embedding', embedded) : embedded;
  for (let layer = stage.from; layer < stage.to; layer++) output = parts.layer(layer, output, positions, taps);
  const pick = (x: Tensor): Tensor =>
    isPicked
      ? reshape(gather(reshape(x, ['seq', hiddenSize]), input('wanted', 'i64', ['rows'])), [1, 'rows', hiddenSize])
      : x;
  if (stage.hasHead) {
    const last = read.includes('norm') ? pick(parts.norm(output, taps)) : parts.norm(pick(output), taps);
    output = parts.logits(last);
  }
  return { output, ...positions.fresh, ...Object.fromEntries(taps.found) };
}

async function compiled(model: LoadedModel, stage: Stage, outputs: Outputs, isStage: boolean): Promise<Program> {
  const { device, threads } = model;
  const room = shortLivedRoom(stage.given + forAlignment);
  try {
    return await compile(outputs, { device, threads, isStage, weights: model.bound().valuesIn(room) });
  } finally {
    room.free();
  }
}
