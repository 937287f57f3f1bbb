import {
  add,
  type Dim,
  exp,
  greater,
  input,
  log,
  logLikelihood,
  logSoftmax,
  mul,
  neg,
  reshape,
  scalar,
  softplus,
  sub,
  sum,
  type Tensor,
  takeAlong,
  where,
} from '../tensor/index.ts';

/** The inputs of a loss: what each row of hidden states is to predict, and how much that counts. */
export const lossInputs = {
  targets: 'targets',
  weights: 'lossWeights',
  teacher: 'teacher',
  teacherIds: 'teacher:ids',
  teacherLogprobs: 'teacher:logprobs',
  teacherRest: 'teacher:rest',
  reference: 'reference',
  pairShare: 'pairShare',
} as const;

const rows: Dim = 'rows';

/** A loss, a scalar, of the logits [rows, vocabulary] of the rows that are lossMask. */
export type Loss = (logits: Tensor) => Tensor;

/** Cross entropy: the mean of -log p(target) over rows; the loss weights are 1 / (rows of the whole batch). */
export const crossEntropy: Loss = (logits) => {
  const likelihood = logLikelihood(logits, input(lossInputs.targets, 'i64', [rows]));
  return neg(sum(mul(likelihood, input(lossInputs.weights, 'f32', [rows])), [0]));
};

/**
 * Distillation: T^2 KL(teacher || student) at temperature T, the mean over rows, from the teacher's logits
 * [rows, vocabulary]. (Hinton et al. 2015, section 2)
 */
export const distillation =
  (temperature: number): Loss =>
  (logits) => {
    const cooled = (x: Tensor) => logSoftmax(mul(x, 1 / temperature));
    const student = cooled(logits);
    const teacher = cooled(input(lossInputs.teacher, 'f32', logits.shape));
    const divergence = sum(mul(exp(teacher), sub(teacher, student)), [-1]);
    return mul(sum(mul(divergence, input(lossInputs.weights, 'f32', [rows])), [0]), temperature ** 2);
  };

/** How distillation from the teacher's likeliest tokens treats all other tokens. */
export type Tail =
  /** As one more token: never more than the KL of the whole distributions. */
  | 'bucket'
  /** Both distributions are renormalized over the tokens kept, and nothing flows to the others. */
  | 'renorm';

export interface CachedDistillation {
  /** The cache was made at the same one. */
  readonly temperature: number;
  readonly tail: Tail;
  /** Share of the divergence; the rest is cross entropy of the targets. */
  readonly share: number;
}

/**
 * Distillation from a cache of the teacher's most likely tokens: the sum over rows of the loss weights times
 * share T^2 KL + (1 - share) CE. With a bucket, KL = sum_v p_v ln(p_v / q_v) + p_rest ln(p_rest / q_rest).
 */
export const cachedDistillation =
  ({ temperature, tail, share }: CachedDistillation): Loss =>
  (logits) => {
    const kept = input(lossInputs.teacherLogprobs, 'f32', [rows, 'top']);
    const cooled = logSoftmax(mul(logits, 1 / temperature));
    const student = takeAlong(cooled, input(lossInputs.teacherIds, 'i64', [rows, 'top']));
    const total = (logprobs: Tensor, keep = false) => sum(exp(logprobs), [-1], keep);
    const relative = (logprobs: Tensor) => sub(logprobs, log(total(logprobs, true)));
    const [p, q] = tail === 'bucket' ? [kept, student] : [relative(kept), relative(student)];
    const divergence = sum(mul(exp(p), sub(p, q)), [-1]);
    const rest = atLeast(input(lossInputs.teacherRest, 'f32', [rows]), leastRest);
    const studentRest = atLeast(sub(scalar(1), total(student)), leastRest);
    const ofRest = mul(rest, sub(log(rest), log(studentRest)));
    const taught = mul(tail === 'bucket' ? add(divergence, ofRest) : divergence, share * temperature ** 2);
    const weights = input(lossInputs.weights, 'f32', [rows]);
    if (share === 1) return sum(mul(taught, weights), [0]);
    const likelihood = logLikelihood(logits, input(lossInputs.targets, 'i64', [rows]));
    return sum(mul(sub(taught, mul(likelihood, 1 - share)), weights), [0]);
  };

/** What is left of 1 in float32 is noise below it. */
const leastRest = 1e-6;
const atLeast = (x: Tensor, least: number): Tensor => where(greater(x, scalar(least)), x, scalar(least));

/**
 * Direct preference optimization: -log sigmoid(beta ((chosen - rejected) - (its reference))), the mean over pairs, of
 * sums of log-probabilities. The loss weights [pairs, rows] assign rows to pairs: +1 for the chosen text, -1 for the rejected one;
 * `reference` [pairs] is chosen minus rejected by the reference. (Rafailov et al. 2023, equation 7)
 */
export const preference =
  (beta: number, pairs: Dim = 'pairs'): Loss =>
  (logits) => {
    const likelihood = logLikelihood(logits, input(lossInputs.targets, 'i64', [rows]));
    const signs = input(lossInputs.weights, 'f32', [pairs, rows]);
    const margins = sum(mul(signs, reshape(likelihood, [1, rows])), [1]);
    const advantage = mul(sub(margins, input(lossInputs.reference, 'f32', [pairs])), beta);
    return mul(sum(softplus(neg(advantage)), [0]), input(lossInputs.pairShare, 'f32', []));
  };
