export { type AdaptedMap, checkAdapter, modulesOf } from './adapter-check.ts';
export { type Adaptation, adaptationOf, adaptedWeights, blockKinds, promptIds } from './adapters.ts';
export { type BoundWeights, bindWeights, weightFeeds } from './bind.ts';
export { type BlockReader, type BlockReading, openBlockReader } from './block-reader.ts';
export type { BlockActivations } from './block-runner.ts';
export { openBlocks, type WeightReader, weightReader } from './block-weights.ts';
export { branchPositions, type TextMemory } from './branches.ts';
export { type Cache, emptyCache } from './cache.ts';
export { type Cached, openCached } from './cached.ts';
export { type Architecture, architectures, type Config, configFrom } from './config.ts';
export { blocks, type Decoder, decoder } from './decoder.ts';
export { type Activations, type Forward, type ForwardOptions, openForward } from './forward.ts';
export { openHead } from './head.ts';
export { headLayout, type Positions } from './layer.ts';
export { embedRows } from './layerwise.ts';
export { type LowRank, loraNames, loraWeights } from './lora.ts';
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
} from './names.ts';
export { type OnnxModel, onnxModel } from './onnx.ts';
export { fits, type LoadedModel, loadModel, type ModelOptions, type Plan } from './open.ts';
export { type Precision, precisions } from './packing.ts';
export { cachedPositions, freshPositions, maskInputs, pastNames, positionInputs, prefixNames } from './positions.ts';
export { promptName, promptWeights } from './prompt.ts';
export { activationBytes, cacheBytes, usualTokens } from './room.ts';
export { type Frequencies, frequencies, lengthMatters, type Rope, rotaryTables } from './rope.ts';
export { rotaryFeeds, rotations } from './rope-feeds.ts';
export { activationPaths, type Edit, noTaps, type Taps, tapsOf } from './taps.ts';
export { type Texts, textFeeds } from './texts.ts';
export { floatWeights, packedWeights, type Weights } from './weights.ts';
