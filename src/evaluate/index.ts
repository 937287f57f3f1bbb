export {
  type Accuracy,
  answered,
  choiceAccuracy,
  matchAccuracy,
  type Outcome,
  type Reader,
  tokenAccuracy,
} from './accuracy.ts';
export {
  type ComparedWindow,
  type Comparison,
  compareToReference,
  comparisonOf,
  type KlKind,
  type Reference,
  readReference,
} from './comparison.ts';
export { decodeSpeed } from './decode-speed.ts';
export { forBatches, forLogits, logLikelihoods, type Predicted } from './likelihoods.ts';
export { type Perplexity, type PerplexityOptions, perplexity } from './perplexity.ts';
export { type Scored, score } from './score.ts';
export { type Asked, asked, type Draw, type Question, readTask, withChoices } from './task.ts';
export {
  type BosWish,
  type EvaluationText,
  evaluationText,
  refuseLongWindows,
  type TextOptions,
  windowsOf,
} from './text.ts';
