import { randomUUID } from 'node:crypto';
import { likeliest, logSumExp, type WrittenToken } from '../generate/index.ts';
import { ApiError } from './errors.ts';
import type { ServedModel } from './models.ts';
import type { Reply } from './reply.ts';
import type { CompletionRequest } from './schemas.ts';
import {
  type Answering,
  biasOf,
  finishReason,
  gathered,
  optionsOf,
  type Piece,
  piecesOf,
  timeoutField,
  tokenText,
  usageOf,
} from './text.ts';

type Ended = NonNullable<Piece['end']>;

const defaultTokens = 16;
const rowsAtOnce = 64; // tokens of a prompt whose logits stand in memory

/** Continues prompts. @throws ApiError when it cannot be done. */
export function answerCompletion(
  served: ServedModel,
  request: CompletionRequest,
  answering: Answering,
  signal: AbortSignal,
): Reply {
  if (request.suffix) throw new ApiError(400, 'suffix is not supported', { param: 'suffix' });
  const n = request.n ?? 1;
  if (request.best_of != null && request.best_of !== n)
    throw new ApiError(400, 'best_of is not supported', { param: 'best_of' });
  const prompts = idsOf(served, request.prompt);
  const most = request.max_tokens ?? defaultTokens;
  const top = request.logprobs ?? undefined;
  const options = {
    ...optionsOf(request, most),
    ...biasOf(request, served),
    ...(top === undefined ? {} : { logprobs: top }),
  };
  const pieces = piecesOf(served, { prompts, options, n, signal }, answering);
  const head = {
    id: `cmpl-${randomUUID()}`,
    object: 'text_completion',
    created: Math.floor(Date.now() / 1000),
    model: request.model,
  };
  const echoed = async (prompt: readonly number[]): Promise<Listed> => {
    if (!request.echo) return { text: '', tokens: [] };
    return {
      text: served.tokenizer.decode(prompt, { skipSpecial: true }),
      tokens: top === undefined ? [] : await promptTokens(served, prompt, top, signal),
    };
  };

  return {
    stream: request.stream === true,
    async whole() {
      const choices = await Promise.all(prompts.flatMap((prompt) => Array.from({ length: n }, () => echoed(prompt))));
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
      if (request.echo) {
        for (const index of offsets.keys())
          yield piece(index, await echoed(prompts[Math.floor(index / n)] as readonly number[]), true);
      }
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
  continued = true,
): number[][] {
  const encode = (text: string) => tokenizer.encode(text, { continued });
  if (typeof given === 'string') return [encode(given)];
  const lists = given.every((each) => typeof each === 'number')
    ? [given as number[]]
    : (given as (string | number[])[]);
  const ids = lists.map((each) => (typeof each === 'string' ? encode(each) : each));
  const wrong = ids.flat().find((id) => id >= model.config.vocabulary);
  if (wrong === undefined) return ids;
  throw new ApiError(400, `the id ${wrong} is not in the vocabulary of ${model.config.vocabulary}`, {
    param: 'prompt',
  });
}

/** The tokens of a prompt with their log-probabilities; the first has none. */
async function promptTokens(
  { decoder }: ServedModel,
  prompt: readonly number[],
  top: number,
  signal: AbortSignal,
): Promise<WrittenToken[]> {
  const sequence = decoder.open();
  const tokens: WrittenToken[] = [{ id: prompt[0] as number }];
  for (let from = 0; from + 1 < prompt.length; from += rowsAtOnce) {
    const ids = prompt.slice(from, Math.min(from + rowsAtOnce, prompt.length - 1));
    const [result] = await decoder.extend([{ sequence, ids, logits: 'all' }], signal);
    const logits = result?.logits as Float32Array;
    const size = logits.length / ids.length;
    for (const i of ids.keys()) {
      const row = logits.subarray(i * size, (i + 1) * size);
      const id = prompt[from + i + 1] as number;
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
