export { type BatchResult, generate, generateBatch, newSession, type Session } from './generate.ts';
export { greedy, type Sampling, sample } from './sampling.ts';
export { openSlots, type SlotOptions, type Slots } from './slots.ts';
export type {
  Draft,
  FinishReason,
  Generated,
  GenerateOptions,
  Observer,
  TokenLogprob,
  Verdict,
  Written,
  WrittenToken,
} from './types.ts';
