export { type BatchResult, generateBatch } from './batch.ts';
export {
  type FinishReason,
  type Generated,
  type GenerateOptions,
  generate,
  newSession,
  type Observer,
  type Partial,
  type Session,
} from './generate.ts';
export { argmax, greedy, type Sampling, sample } from './sampling.ts';
