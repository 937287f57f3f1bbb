import {
  type Dim,
  exp,
  input,
  logLikelihood,
  logSoftmax,
  mul,
  neg,
  reshape,
  softplus,
  sub,
  sum,
  type Tensor,
} from '../tensor/index.ts';

/** The inputs of a loss: what each row of hidden states is to predict, and how much that counts. */
export const lossInputs = {
  targets: 'targets',
  shares: 'shares',
  teacher: 'teacher',
  reference: 'reference',
  pairShare: 'pairShare',
} as const;

const rows: Dim = 'rows';

/** A loss, a scalar, of the logits [rows, vocabulary] of the rows that are lossMask. */
export type Loss = (logits: Tensor) => Tensor;

/** Cross entropy: the mean of -log p(target) over rows; `shares` are 1 / rows, of the whole batch where it is read in pieces. */
export const crossEntropy: Loss = (logits) => {
  const likelihood = logLikelihood(logits, input(lossInputs.targets, 'i64', [rows]));
  return neg(sum(mul(likelihood, input(lossInputs.shares, 'f32', [rows])), [0]));
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
    return mul(sum(mul(divergence, input(lossInputs.shares, 'f32', [rows])), [0]), temperature ** 2);
  };

/**
 * Direct preference optimization: -log sigmoid(beta ((chosen - rejected) - (its reference))), the mean over pairs, of
 * sums of log-probabilities. `shares` [2 * pairs, rows] say which rows belong to a text: the chosen texts first;
 * `reference` [pairs] is chosen minus rejected by the reference. (Rafailov et al. 2023, equation 7)
 */
export const preference =
  (beta: number, pairs: Dim = 'pairs'): Loss =>
  (logits) => {
    const likelihood = logLikelihood(logits, input(lossInputs.targets, 'i64', [rows]));
    const signs = input(lossInputs.shares, 'f32', [pairs, rows]);
    const margins = sum(mul(signs, reshape(likelihood, [1, rows])), [1]);
    const advantage = mul(sub(margins, input(lossInputs.reference, 'f32', [pairs])), beta);
    return mul(sum(softplus(neg(advantage)), [0]), input(lossInputs.pairShare, 'f32', []));
  };
