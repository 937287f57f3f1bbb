import { CriaError } from '../base/index.ts';
import { answered, logLikelihoods } from '../evaluate/index.ts';
import { type LoadedModel, openForward } from '../model/index.ts';
import { mean } from '../statistics/index.ts';
import { openTokenizer } from '../tokenizer/index.ts';
import type { Agent, AgentQuestion } from './agents.ts';
import type { GuideReply, Reply } from './features.ts';
import type { RoutedModel } from './models-file.ts';

/** A question that a local model reads: the text before the answer. */
interface Prompted extends AgentQuestion {
  readonly prompt: string;
  readonly where: string;
}

/** Examples that stand before the question in each further round. */
export const examplesPerRound = 2;

/**
 * A model that cria runs itself, which answers with the choice of the highest mean log-probability. Every round after the
 * first reads two more examples before the question. As a guide it says yes when its own choice is the base's, and p yes is
 * the share of the base's answer among the choices.
 */
export async function openLocalAgent(
  { id, unit, prices }: RoutedModel,
  model: LoadedModel,
  examples: readonly string[],
): Promise<Agent & { close(): Promise<void> }> {
  const forward = await openForward(model);
  const tokenizer = openTokenizer(model.checkpoint.tokenizer, model.checkpoint.generation);

  async function choose(question: AgentQuestion, round: number, signal: AbortSignal | undefined) {
    const begun = performance.now();
    const { prompt, choices, where } = question as Prompted;
    if (!choices) throw new CriaError('has no choices', { where });
    const text = examples.slice(0, round * examplesPerRound).join('') + prompt;
    const reader = { forward, tokenizer, context: model.config.context };
    const texts = choices.map((answer) => answered(reader, { prompt, answer, text, where }, answer));
    const likelihoods = await logLikelihoods(forward, texts, { ...(signal && { signal }) });
    const means = likelihoods.map(mean);
    const largest = Math.max(...means);
    const weights = means.map((each) => Math.exp(each - largest));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const best = means.indexOf(largest);
    const tokensIn = texts.reduce((sum, { ids }) => sum + ids.length, 0);
    const seconds = (performance.now() - begun) / 1000;
    const reply: Reply = {
      ...{ model: id, text: '', answer: choices[best] as string },
      logprobs: Array.from(likelihoods[best] as Float32Array),
      confidence: (weights[best] as number) / total,
      ...{ tokensIn, tokensOut: 0 },
      cost: unit === 'seconds' ? seconds : unit === 'tokens' ? tokensIn : tokensIn * prices.input,
    };
    return { reply, shareOf: (answer: string) => (weights[choices.indexOf(answer)] ?? 0) / total };
  }

  return {
    async answer(question, rounds, signal) {
      return (await choose(question, rounds.length, signal)).reply;
    },
    async judge(question, base, rounds, signal): Promise<GuideReply> {
      const { reply, shareOf } = await choose(question, rounds.length, signal);
      return { ...reply, judge: reply.answer === base.answer ? 'yes' : 'no', pYes: shareOf(base.answer) };
    },
    close: () => forward.dispose(),
  };
}
