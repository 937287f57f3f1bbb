import type { LoadedModel } from '../model/index.ts';
import { byLayerForwardBackward } from './by-layer.ts';
import type { ForwardBackward } from './forward-backward.ts';
import type { Loss } from './losses.ts';
import type { TrainingPlan } from './memory-estimate.ts';
import type { ParameterBuffer } from './parameters.ts';
import type { Trainable } from './trainable.ts';
import { wholeForwardBackward } from './whole.ts';

/** The loss of a model and its gradients with respect to what is trained, under a plan. */
export function openForwardBackward(
  model: LoadedModel,
  trainable: Trainable,
  buffer: ParameterBuffer,
  loss: Loss,
  plan: TrainingPlan,
): Promise<ForwardBackward> {
  if (plan === 'whole') return wholeForwardBackward(model, trainable, buffer, loss);
  return byLayerForwardBackward(model, trainable, buffer, loss, plan === 'by-layer');
}
