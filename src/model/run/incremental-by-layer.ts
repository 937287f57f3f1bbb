import { serialized } from '../../base/index.ts';
import { compile, type Program, type Value, value } from '../../engine/index.ts';
import { input, inputsOf, type Tensor } from '../../tensor/index.ts';
import { anyLayer, finalNormName } from '../architecture/names.ts';
import { cachedPositions } from '../architecture/positions.ts';
import { tapsOf } from '../architecture/taps.ts';
import { adaptedWeights, graphTemplates, loraAdditions } from '../weights/adapters.ts';
import { openBlocks } from '../weights/block-weights.ts';
import { floatWeights } from '../weights/weights.ts';
import type { ActivationOptions } from './backbone.ts';
import { layerFeeds } from './block-runner.ts';
import { embedRows } from './by-layer.ts';
import { openHead } from './head.ts';
import { type DecoderPlan, type DecoderRun, inPlaceOn, layerCacheFeeds } from './incremental-plan.ts';
import type { LoadedModel } from './open.ts';

/** The by-layer plan with a cache: every piece of text costs one reading of the checkpoint, whatever its length. */
export function byLayerDecoderPlan(
  model: LoadedModel,
  { read: wanted = [], edits = {} }: ActivationOptions,
): DecoderPlan {
  const { config, adaptation, device, threads } = model;
  const parts = model.decoder(floatWeights);
  const weightsOf = openBlocks(model, false);
  const head = openHead(model, 'f32');
  const programs = new Map<number, Promise<Program>>();
  const tapped = [...wanted, ...Object.keys(edits)];
  const templates = graphTemplates(model, (layer) => tapped.some((path) => path.startsWith(`layers.${layer}.`)));
  const hidden = input('hidden', 'f32', ['batch', 'seq', config.hiddenSize]);
  const graphOf = (layer: number): Record<string, Tensor> => {
    const positions = cachedPositions(config, 1, inPlaceOn(device));
    const adapted = model.decoder(adaptedWeights(floatWeights, adaptation, config, layer));
    const taps = tapsOf(wanted, edits, true);
    const output = adapted.layer(layer, hidden, positions, taps, anyLayer);
    return { output, ...positions.fresh, ...Object.fromEntries(taps.found) };
  };
  const programFor = (layer: number): { named: number; program: Promise<Program> } => {
    const named = templates[layer] as number;
    const known = programs.get(named) ?? compile(graphOf(named), { device, threads });
    programs.set(named, known);
    return { named, program: known };
  };
  const ends = tapsOf(wanted, edits);
  const edited = ends.at('embedding', hidden);
  const bottom = ends.wants('embedding') ? compile({ edited }, { device, threads }) : undefined;
  const norm = compile({ lastHidden: parts.norm(hidden, ends) }, { device, threads });
  const graphs = [{ edited }, ...[...new Set(templates)].map(graphOf)].map(inputsOf);

  return {
    inputs: new Map(graphs.flatMap((inputs) => [...inputs])),
    step: serialized(async (run: DecoderRun) => {
      const { ids, where, feeds: fed } = run;
      const read: Record<string, Value<'f32'>> = {};
      let x = embedRows(model, [ids], ids.length);
      if (bottom) x = (await (await bottom).run({ ...fed, hidden: x })).edited as Value<'f32'>;
      if (wanted.includes('embedding')) read.embedding = x;
      for (let layer = 0; layer < config.layers; layer++) {
        const { named, program } = programFor(layer);
        const feeds: Record<string, Value> = {
          ...layerFeeds(fed, layer),
          ...where,
          ...weightsOf(layer),
          ...loraAdditions(adaptation, layer),
          hidden: x,
        };
        const into: Record<string, Value> = {};
        layerCacheFeeds(model, run, layer, named, feeds, into);
        const results = (await (await program).run(feeds, into)) as Record<string, Value<'f32'>>;
        x = results.output as Value<'f32'>;
        for (const path of wanted) if (results[path]) read[path] = results[path];
        // a token that is written shows itself
        if (ids.length > 1) model.progress.step('layers', layer + 1, config.layers, 'layers');
      }
      const gain = value('f32', [config.hiddenSize], model.checkpoint.readFloat32(finalNormName));
      const rows = wanted.includes('norm') ? x : rowsOf(x, run.wanted);
      const { lastHidden } = (await (await norm).run({ ...fed, hidden: rows, [finalNormName]: gain })) as Record<
        string,
        Value<'f32'>
      >;
      if (wanted.includes('norm')) read.norm = lastHidden as Value<'f32'>;
      const last = rows === x ? rowsOf(lastHidden as Value<'f32'>, run.wanted) : (lastHidden as Value<'f32'>);
      return { logits: await head.logits(last.data), read };
    }),
    async dispose() {
      for (const program of [bottom, norm, ...programs.values()]) await (await program)?.dispose();
      await head.dispose();
    },
  };
}

/** Some rows of hidden states [1, seq, size]. */
function rowsOf(x: Value<'f32'>, rows: readonly number[]): Value<'f32'> {
  const size = x.shape[2] as number;
  const data = new Float32Array(rows.length * size);
  for (const [i, row] of rows.entries()) data.set(x.data.subarray(row * size, (row + 1) * size), i * size);
  return value('f32', [1, rows.length, size], data);
}
