export { adamw, type Optimizer, type Update } from './adamw.ts';
export { type Batching, type BatchSampler, cachedDistillationSampler, predictionSampler } from './batch-sampler.ts';
export { type Batch, batchOrder, type Packing, packed, packings } from './batches.ts';
export { byLayerForwardBackward } from './by-layer.ts';
export { type Example, exampleIn, type Pair, readExamples, readPairs } from './examples.ts';
export type { ForwardBackward } from './forward-backward.ts';
export {
  initLora,
  initPrefix,
  initPrompt,
  type LoraOptions,
  targetsOf,
} from './init-adapters.ts';
export { writeInitialModel } from './init-model.ts';
export { cachedDistillation, crossEntropy, distillation, type Loss, preference } from './losses.ts';
export { type TrainingPlan, trainingPlan } from './memory-estimate.ts';
export {
  type MicroBatch,
  predictionMicroBatch,
  targetTokens,
} from './micro-batch.ts';
export { type LossName, lossNames, type Mode, modes, sequenceOptions, trainOptions } from './options.ts';
export {
  type Parameter,
  type ParameterBuffer,
  parameterBuffer,
  randomFor,
} from './parameters.ts';
export { openForwardBackward } from './plans.ts';
export { rowsIn } from './reference.ts';
export { type TrainOptions, trainDefaults } from './resolved-options.ts';
export { type TrainResult, trainModel } from './run.ts';
export { rateFactor, type Schedule, schedules } from './schedule.ts';
export { type Sequencing, sequencesIn } from './task.ts';
export { type TeacherCache, teacherCache } from './teacher-cache.ts';
export type { Trained } from './train.ts';
export {
  type Trainable,
  trainableAdapter,
  trainableModel,
  trainedAdapter,
} from './trainable.ts';
export type { TrainingData } from './training-data.ts';
export { wholeForwardBackward } from './whole.ts';
export { textWindows, type WindowOptions } from './windows.ts';
