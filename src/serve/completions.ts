import type { WrittenToken } from '../generate/index.ts';
import { likeliest, logSumExp } from '../model/index.ts';
import { ApiError } from './errors.ts';
import type { ServedModel } from './models.ts';
import type { CompletionRequest } from './schemas.ts';
import {
  type Answering,
  biasOf,
  type Ended,
  finishReason,
  gathered,
  headOf,
  optionsOf,
  piecesOf,
  type Reply,
  timeoutField,
  tokenText,
  usageOf,
} from './text.ts';

const defaultTokens = 16;

/** Continues prompts. @throws ApiError when it cannot be done. */
export async function answerCompletion(
  served: ServedModel,
  request: CompletionRequest,
  answering: Answering,
  signal: AbortSignal,
): Promise<Reply> {
  if (request.suffix) throw new ApiError(400, 'suffix is not supported', { param: 'suffix' });
  const n = request.n ?? 1;
  if (request.best_of != null && request.best_of !== n)
    throw new ApiError(400, 'best_of is not supported', { param: 'best_of' });
  const prompts = idsOf(served, request.prompt, 'prompt');
  const top = request.logprobs ?? undefined;
  const logprobs = top === undefined ? {} : { logprobs: top };
  const options = {
    ...optionsOf(request, request.max_tokens ?? defaultTokens),
    ...biasOf(request, served),
    ...logprobs,
  };
  const pieces = await piecesOf(served, { prompts, param: 'prompt', options, n, signal }, answering);
  const head = { ...headOf('cmpl', request), object: 'text_completion' };
  /** What the choices of each prompt begin with. */
  const echoes = async function* (): AsyncGenerator<Listed, void> {
    for (const prompt of prompts) {
      const text = request.echo ? served.tokenizer.decode(prompt, { skipSpecial: true }) : '';
      const tokens = request.echo && top !== undefined ? await promptTokens(served, prompt, top, signal) : [];
      for (let i = 0; i < n; i++) yield { text, tokens };
    }
  };

  return {
    stream: request.stream === true,
    async whole() {
      const choices: Listed[] = [];
      for await (const echo of echoes()) choices.push(echo);
      const starts = choices.map(({ tokens }) => tokens.length);
      const texts = await gathered(pieces, choices);
      const ends = texts.map(({ end }) => end as Ended);
      return {
        ...head,
        choices: texts.map(({ text, tokens }, index) => ({
          index,
          text,
          logprobs: top === undefined ? null : logprobsOf(served, tokens, top, 0, (starts[index] as number) > 0),
          finish_reason: finishReason(ends[index] as Ended),
        })),
        usage: usageOf(prompts, ends),
        ...timeoutField(ends),
      };
    },
    async *events() {
      const chunk = (choices: readonly object[], more: object = {}) => ({ ...head, choices, ...more });
      const offsets = Array<number>(prompts.length * n).fill(0);
      const piece = (index: number, { text, tokens }: Listed, isPrompt = false) => {
        const offset = offsets[index] as number;
        offsets[index] = offset + text.length;
        const logprobs = top === undefined ? null : logprobsOf(served, tokens, top, offset, isPrompt);
        return chunk([{ index, text, logprobs, finish_reason: null }]);
      };
      let index = 0;
      if (request.echo) for await (const echo of echoes()) yield piece(index++, echo, true);
      const ends: Ended[] = [];
      for await (const { choice, text, tokens, end } of pieces) {
        if (!end) yield piece(choice, { text, tokens });
        else {
          ends.push(end);
          yield chunk(
            [{ index: choice, text: '', logprobs: null, finish_reason: finishReason(end) }],
            timeoutField([end]),
          );
        }
      }
      if (request.stream_options?.include_usage) yield chunk([], { usage: usageOf(prompts, ends) });
    },
  };
}

interface Listed {
  readonly text: string;
  readonly tokens: readonly WrittenToken[];
}

/** The ids of texts as `tokenize` encodes them; ids as they are. @throws ApiError for an id that is not in the vocabulary. */
export function idsOf(
  { tokenizer, model }: ServedModel,
  given: CompletionRequest['prompt'],
  param: 'prompt' | 'input',
): number[][] {
  const encode = (text: string) => tokenizer.encode(text, { continued: param === 'prompt' });
  if (typeof given === 'string') return [encode(given)];
  const lists = given.every((each) => typeof each === 'number')
    ? [given as number[]]
    : (given as (string | number[])[]);
  const ids = lists.map((each) => (typeof each === 'string' ? encode(each) : each));
  const wrong = ids.flat().find((id) => id >= model.config.vocabulary);
  if (wrong === undefined) return ids;
  throw new ApiError(400, `the id ${wrong} is not in the vocabulary of ${model.config.vocabulary}`, { param });
}

/** The tokens of a prompt with their log-probabilities; the first has none. */
async function promptTokens(
  { slots, model, gates }: ServedModel,
  prompt: readonly number[],
  top: number,
  signal: AbortSignal,
): Promise<WrittenToken[]> {
  const tokens: WrittenToken[] = [{ id: prompt[0] as number }];
  for await (const logits of slots.read(prompt.slice(0, -1), { gates, signal })) {
    for (let from = 0; from < logits.length; from += model.config.vocabulary) {
      const row = logits.subarray(from, from + model.config.vocabulary);
      const id = prompt[tokens.length] as number;
      tokens.push({ id, logprob: (row[id] as number) - logSumExp(row), top: likeliest(row, top) });
    }
  }
  return tokens;
}

/** Log-probabilities as completions list them; tokens are text, `offset` is where the first one begins. */
function logprobsOf(
  served: ServedModel,
  tokens: readonly WrittenToken[],
  top: number,
  offset: number,
  isPrompt: boolean,
): object {
  const texts = tokens.map(({ id }) => tokenText(served, id));
  let at = offset;
  const text_offset = texts.map((text) => {
    at += text.length;
    return at - text.length;
  });
  const alternatives = ({ id, logprob, top: best = [] }: WrittenToken, i: number) => {
    if (isPrompt && i === 0) return null;
    const entries = best.map((each) => [tokenText(served, each.id), each.logprob] as const);
    return Object.fromEntries(
      best.some((each) => each.id === id) ? entries : [...entries, [tokenText(served, id), logprob]],
    );
  };
  return {
    tokens: texts,
    token_logprobs: tokens.map(({ logprob }) => logprob ?? null),
    top_logprobs: top === 0 ? null : tokens.map(alternatives),
    text_offset,
  };
}
