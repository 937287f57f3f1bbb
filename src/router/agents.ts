import { createHash } from 'node:crypto';
import type { TokenLogprob } from '../endpoint/index.ts';
import { type Endpoint, openEndpoint } from '../endpoint/index.ts';
import type { GuideReply, Reply, Round } from './features.ts';
import type { RoutedModel } from './models-file.ts';

/** A question as agents are asked it. */
export interface AgentQuestion {
  readonly question: string;
  readonly choices: readonly string[] | undefined;
}

/** A base or a guide. The rounds so far are given in their order. */
export interface Agent {
  answer(question: AgentQuestion, rounds: readonly Round[], signal?: AbortSignal): Promise<Reply>;
  judge(question: AgentQuestion, base: Reply, rounds: readonly Round[], signal?: AbortSignal): Promise<GuideReply>;
}

const baseInstruction =
  'Think step by step, then give the answer on a last line that begins with "Answer:". Keep the answer as short as it can be.';
const guideInstruction =
  'You check the answer of another model. If it is right, write only: yes. If it is wrong, write only: no, and on the next line the right answer, as short as it can be.';

/** Tells prompts apart in logs and policies. */
export const endpointPromptHash = createHash('sha256')
  .update(baseInstruction + guideInstruction)
  .digest('hex')
  .slice(0, 16);

/** A model behind an OpenAI-compatible address. Round 1 is greedy, later ones are sampled at temperature 1. */
export function endpointAgent(model: RoutedModel, seed: number): Agent {
  const endpoint: Endpoint = openEndpoint({
    baseUrl: model.baseUrl as string,
    keyEnv: model.keyEnv,
    prices: model.prices,
  });
  async function ask(messages: { role: string; content: string }[], round: number, signal: AbortSignal | undefined) {
    const sampled = round === 0 ? { temperature: 0 } : { temperature: 1, seed: seed + round };
    const logprobs = model.logprobs ? { logprobs: true, top_logprobs: 5 } : {};
    const answer = await endpoint.chat({ model: model.model, messages, ...sampled, ...logprobs }, { signal });
    const { promptTokens: tokensIn = 0, completionTokens: tokensOut = 0, cost = 0 } = answer.usage ?? {};
    const spent =
      { usd: cost, joules: cost, tokens: tokensIn + tokensOut, seconds: answer.seconds }[model.unit] ?? cost;
    return { text: answer.text, tokens: answer.logprobs ?? [], tokensIn, tokensOut, cost: spent };
  }
  return {
    async answer(question, rounds, signal) {
      const told = rounds.map(
        ({ base, guide }, i) => `Attempt ${i + 1}: ${base.text}\nA checker answered: ${guide.answer}`,
      );
      const content = [asked(question), ...told].join('\n\n');
      const messages = [
        { role: 'system', content: baseInstruction },
        { role: 'user', content },
      ];
      const { text, tokens, ...rest } = await ask(messages, rounds.length, signal);
      const answer = finalAnswer(text, question);
      return { model: model.id, text, answer, logprobs: tokensOf(tokens, lastLine(text)), ...rest };
    },
    async judge(question, base, rounds, signal) {
      const content = `${asked(question)}\n\nThe other model wrote:\n${base.text}\n\nIts answer: ${base.answer}`;
      const messages = [
        { role: 'system', content: guideInstruction },
        { role: 'user', content },
      ];
      const { text, tokens, ...rest } = await ask(messages, rounds.length, signal);
      const judge = /^\W*no\b/i.test(text) ? 'no' : 'yes';
      const corrected = finalAnswer(text.replace(/^\W*no\b[\s:,.-]*/i, ''), question);
      const answer = judge === 'yes' || corrected === '' ? base.answer : corrected;
      const logprobs = tokens.map(({ logprob }) => logprob).filter(Number.isFinite);
      return { model: model.id, text, answer, judge, pYes: yesShare(tokens, judge), logprobs, ...rest };
    },
  };
}

function asked({ question, choices }: AgentQuestion): string {
  return choices ? `${question}\n${choices.map((choice) => `- ${choice}`).join('\n')}` : question;
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1)?.trim() ?? '';

/** What follows the last "Answer:", or the last line; of choices, the one that it names. */
export function finalAnswer(text: string, { choices }: AgentQuestion): string {
  const marked = /.*answer\s*:\s*(.*)$/is.exec(text)?.[1] ?? lastLine(text);
  const answer = (marked.trim().split('\n')[0] ?? '').replace(/^["'*`]+|["'*`.]+$/g, '').trim();
  const named = choices?.find((choice) => choice.toLowerCase() === answer.toLowerCase());
  return named ?? answer;
}

/** Log-probabilities of the tokens that end a text. */
function tokensOf(tokens: readonly TokenLogprob[], ending: string): number[] {
  const chosen: number[] = [];
  let length = 0;
  for (const { token, logprob } of tokens.toReversed()) {
    if (length >= ending.length) break;
    length += token.trim().length;
    if (Number.isFinite(logprob)) chosen.unshift(logprob);
  }
  return chosen;
}

/** e^yes / (e^yes + e^no) at the first token of the judgement; 1 or 0 where the endpoint gives no log-probabilities. */
function yesShare([first]: readonly TokenLogprob[], judge: 'yes' | 'no'): number {
  const chance = (word: string) =>
    (first?.top ?? []).reduce(
      (sum, { token, logprob }) => sum + (token.trim().toLowerCase() === word ? Math.exp(logprob) : 0),
      0,
    );
  const [yes, no] = [chance('yes'), chance('no')];
  return yes + no > 0 ? yes / (yes + no) : judge === 'yes' ? 1 : 0;
}
