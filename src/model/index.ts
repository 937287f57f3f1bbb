export { type Architecture, architectures, type Config, configFrom } from './architecture/config.ts';
export { blocks, type Decoder, decoder } from './architecture/decoder.ts';
export { type BlockInput, blockInputs, type InputPath, inputPathOf } from './architecture/input-groups.ts';
export { keptLayers } from './architecture/kept-layers.ts';
export { headLayout, type Positions } from './architecture/layer.ts';
export {
  anyLayer,
  embeddingName,
  finalNormName,
  headName,
  type LinearName,
  layerPrefix,
  layerShapes,
  linearNames,
  linearShapes,
  weightShapes,
} from './architecture/names.ts';
export {
  cachedPositions,
  freshPositions,
  maskInputs,
  pastNames,
  positionInputs,
  prefixNames,
  rotation,
} from './architecture/positions.ts';
export { type Frequencies, frequencies, lengthMatters, type Rope, rotaryTables } from './architecture/rope.ts';
export {
  activationPaths,
  type Edit,
  type Edits,
  everyLayer,
  type Feed,
  layerInput,
  noTaps,
  type Taps,
  tapsOf,
} from './architecture/taps.ts';
export type { Activations, ForwardOptions, RunOptions } from './run/backbone.ts';
export { type BlockReader, type BlockReading, openBlockReader } from './run/block-reader.ts';
export type { BlockActivations } from './run/block-runner.ts';
export { type BlockRunner, openBlockRunner } from './run/block-runner.ts';
export { type BlockSweep, openBlockSweep, type SweepOptions, type SweepRun } from './run/block-sweep.ts';
export { embedRows } from './run/by-layer.ts';
export { emptySequence, type Sequence } from './run/cache.ts';
export { type Forward, openForward } from './run/forward.ts';
export type { ActivationGradients, Target } from './run/gradients.ts';
export { openHead } from './run/head.ts';
export {
  type DecoderOptions,
  type IncrementalDecoder,
  openIncrementalDecoder,
  type Piece,
  type PieceResult,
} from './run/incremental.ts';
export { argmax, type Candidate, likeliest, logSumExp } from './run/logits.ts';
export { generationNeed, programBytes, scoringNeed, usualTokens } from './run/memory-estimate.ts';
export { type OnnxModel, onnxModel } from './run/onnx.ts';
export { fits, type LoadedModel, loadModel, type ModelOptions, type Plan } from './run/open.ts';
export {
  columnAbsMax,
  columnAbsSums,
  columnExceedances,
  columnSquares,
  columnSums,
  emptyTotal,
  type Reduction,
  secondMoment,
  type Total,
} from './run/reductions.ts';
export { rotaryFeeds, rotations } from './run/rope-feeds.ts';
export { type Texts, textFeeds } from './run/texts.ts';
export { type AdaptedMap, checkAdapter, modulesOf } from './weights/adapter-check.ts';
export {
  type Adaptation,
  adaptationOf,
  adaptedWeights,
  graphTemplates,
  type PromptPlacement,
  placed,
  promptIds,
} from './weights/adapters.ts';
export { type BoundWeights, bindWeights, weightFeeds } from './weights/bind.ts';
export { openBlocks, type WeightReader, weightReader } from './weights/block-weights.ts';
export { gateFeeds, gatesName, type LowRank, loraNames, loraWeights } from './weights/lora.ts';
export { type Precision, precisions } from './weights/packing.ts';
export { promptName, promptWeights } from './weights/prompt.ts';
export { floatWeights, packedWeights, type Weights } from './weights/weights.ts';
