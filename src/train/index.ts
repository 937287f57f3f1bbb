export { adamw, type Moments, type Optimizer, type Update } from './adamw.ts';
export { type Batch, batchOrder, type Packing, packed, packings } from './batches.ts';
export { type Example, type Pair, readExamples, readPairs } from './examples.ts';
export { type Lesson, learnedTokens, predictionLesson } from './lesson.ts';
export { crossEntropy, distillation, type Loss, preference } from './losses.ts';
export { type Parameter, type ParameterStore, parameterStore } from './parameters.ts';
export { rateFactor, type Schedule, schedules } from './schedule.ts';
export { fullTrainee, type LoraOptions, loraTrainee, type Trainee, targetsOf } from './trainee.ts';
export { wholeLearner } from './whole.ts';
