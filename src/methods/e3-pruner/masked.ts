import type { Value } from '../../engine/index.ts';
import { adaptationOf, type Decoder, type LoadedModel, layerPrefix, loadModel } from '../../model/index.ts';
import { add, input, mul, scalar, sub, type Tensor } from '../../tensor/index.ts';
import {
  type BatchSampler,
  type Loss,
  openForwardBackward,
  parameterBuffer,
  type Trainable,
  type TrainingPlan,
  trainingPlan,
} from '../../train/index.ts';
import type { MaskObjective } from './search.ts';

/** The input of the graph that gates a block; a block's name comes first, so that one graph may serve many blocks. */
const gateName = (layer: number) => `${layerPrefix(layer)}gate`;

/**
 * What follows a gated block: m * output + (1 - m) * hidden, which is h + m * (block(h) - h), and in floats exactly the
 * output at m = 1 and exactly the input at m = 0.
 */
function gatedOutput(hidden: Tensor, output: Tensor, gate: Tensor): Tensor {
  return add(mul(output, gate), mul(hidden, sub(scalar(1, gate.dtype), gate)));
}

/** A decoder whose blocks have gates, inputs of one number each. */
const gatedDecoder = (decoder: Decoder): Decoder => ({
  ...decoder,
  layer(index, hidden, positions, taps, prefix = layerPrefix(index)) {
    const output = decoder.layer(index, hidden, positions, taps, prefix);
    return gatedOutput(hidden, output, input(`${prefix}gate`, 'f32', [1]));
  },
});

/** A model with a gate on every block. */
export interface MaskedModel {
  readonly plan: TrainingPlan;
  /** The loss of a step's batch under gates, one a layer, and its derivative by each of them, dropped layers too. */
  readonly objective: MaskObjective;
  /** The loss alone. */
  loss(gates: ArrayLike<number>, step: number): Promise<number>;
  close(): Promise<void>;
}

/** Opens a model with gates for a loss on the batches of a sampler; weights stay as they are. */
export async function openMaskedModel(
  model: LoadedModel,
  loss: Loss,
  sampler: BatchSampler,
  size: { readonly batch: number; readonly sequence: number },
  plan?: TrainingPlan,
): Promise<MaskedModel> {
  const { device, threads, progress, checkpoint } = model;
  const gated = loadModel(checkpoint, { device, threads, progress, precision: 'f32', wrap: gatedDecoder });
  const layers = Array.from({ length: gated.config.layers }, (_, layer) => layer);
  const trainable: Trainable = {
    parameters: layers.map((layer) => ({ name: gateName(layer), shape: [1], decays: false })),
    precision: 'f32',
    adaptation: adaptationOf([], gated.config),
    start: (buffer) => buffer.values.fill(1),
  };
  const buffer = parameterBuffer(trainable.parameters);
  const chosen = plan ?? trainingPlan(gated, trainable, { ...size, accumulate: 1, loss: 'ce', mode: 'lora' }, 0);
  const compiled = await openForwardBackward(gated, trainable, buffer, loss, chosen);
  const setGates = (gates: ArrayLike<number>) => {
    for (const layer of layers) {
      (buffer.value(gateName(layer)) as Value<'f32'>).data[0] = gates[layer] as number;
    }
  };
  return {
    plan: chosen,
    async objective(gates, step) {
      setGates(gates);
      const gradient = new Float64Array(layers.length);
      let total = 0;
      for await (const microBatch of sampler.microBatches(step)) {
        total += await compiled.forwardBackward(microBatch);
        for (const layer of layers) {
          gradient[layer] = (gradient[layer] as number) + (buffer.gradient(gateName(layer)).data[0] as number);
        }
      }
      return { loss: total, gradient };
    },
    async loss(gates, step) {
      setGates(gates);
      let total = 0;
      for await (const microBatch of sampler.microBatches(step)) total += await compiled.loss(microBatch);
      return total;
    },
    async close() {
      await compiled.dispose();
      gated.close();
    },
  };
}
