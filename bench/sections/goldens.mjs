/** Whether cria computes what PyTorch does, and what packed weights cost. */
import { resultOf } from '../measure.mjs';
import { model, node, script, shared } from '../places.mjs';

export async function goldens({ threads, quick }) {
  const tokens = quick ? 512 : 2048;
  const text = shared('data', 'wikitext-2', 'valid.txt');
  const result = await resultOf(node, [
    script('cria-quality.mjs'),
    ...[model(), '--goldens', shared('goldens'), '--text', text, '--tokens', tokens, '--threads', threads],
  ]);
  const { packed } = result;
  return {
    title: 'The same numbers as PyTorch',
    how: [
      'SmolLM2-135M-Instruct (Q4_1). The first three figures compare float32 with what PyTorch computed in float32 on ' +
        `the dequantised weights: the 20 largest logits of ${result.texts} texts, their greedy continuations, and the ` +
        `perplexity of the first ${result.perplexityTokens} tokens of WikiText-2 validation in windows of 512.`,
      `The others compare packed weights with cria's float32 on the first ${tokens} tokens of the same text: KL ` +
        'divergence from float32 over the whole vocabulary and the change of perplexity, means over ' +
        `${packed.predicted} positions. Texts are read whole. \`auto\` holds this file in 4 bits.`,
    ],
    figures: [
      figure('largest logit error, float32', result.largestLogitError.toExponential(1), 'at most 2e-3', [
        result.largestLogitError <= 2e-3,
      ]),
      figure('greedy texts identical, float32', `${result.identical} of ${result.texts}`, 'all', [
        result.identical === result.texts,
      ]),
      figure('perplexity error, float32', percent(result.perplexityError), 'at most 0.1%', [
        result.perplexityError <= 1e-3,
      ]),
      ...packed.precisions.flatMap(({ precision, change, kl }) => {
        const isAsked = precision !== 'q8'; // the figures asked for are those of 4 bits
        return [
          figure(`perplexity change, ${precision}`, percent(change), isAsked && 'within 0.5%', [
            Math.abs(change) <= 5e-3,
          ]),
          figure(`KL from float32, ${precision}`, kl.toExponential(2), isAsked && 'below 2e-3', [kl < 2e-3]),
        ];
      }),
    ],
  };
}

function figure(what, measured, asked, [reached]) {
  return asked ? { what, measured, asked, reached } : { what, measured };
}

function percent(share) {
  return `${(share * 100).toFixed(3)}%`;
}
