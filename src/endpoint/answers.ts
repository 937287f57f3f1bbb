import { CriaError } from '../base/index.ts';
import type { Choice, Prices, TokenLogprob, Usage } from './types.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The choices of a chat or text completion. @throws CriaError when the answer has none. */
export function choicesIn(answer: Fields, where: string): [Choice, ...Choice[]] {
  const [first, ...others] = listIn(answer, 'choices', where).map((each, i): Choice => {
    const choice = fieldsOf(each, `${where}: choices[${i}]`);
    const text = choice.message === undefined ? choice.text : fieldsOf(choice.message, where).content;
    if (typeof text !== 'string' && text !== null) throw malformed(`choices[${i}] has no text`, where);
    const { finish_reason: finish } = choice;
    return {
      text: text ?? '',
      finishReason: typeof finish === 'string' ? finish : undefined,
      logprobs: isFields(choice.logprobs) ? logprobsIn(choice.logprobs) : undefined,
    };
  });
  if (!first) throw malformed('it has no choices', where);
  return [first, ...others];
}

/** Log-probabilities in either form: chat's list of objects, or the parallel lists of text completions. */
function logprobsIn({
  content,
  tokens,
  token_logprobs: values,
  top_logprobs: tops,
}: Fields): TokenLogprob[] | undefined {
  if (Array.isArray(content)) {
    return content.filter(isFields).map((entry) => ({
      ...tokenOf(entry),
      top: Array.isArray(entry.top_logprobs) ? entry.top_logprobs.filter(isFields).map(tokenOf) : [],
    }));
  }
  if (!Array.isArray(tokens) || !Array.isArray(values)) return undefined;
  return tokens.map((token, i) => {
    const top: unknown = Array.isArray(tops) ? tops[i] : undefined;
    const entries = isFields(top) ? Object.entries(top) : [];
    return {
      ...tokenOf({ token, logprob: values[i] }),
      top: entries.map(([token, logprob]) => tokenOf({ token, logprob })),
    };
  });
}

/** NaN where there is no number: the first token of an echoed prompt has none. */
const tokenOf = ({ token, logprob }: Fields) => ({
  token: typeof token === 'string' ? token : '',
  logprob: typeof logprob === 'number' ? logprob : Number.NaN,
});

/** The text that one event of a stream adds to the first choice. @throws CriaError for the event of an error. */
export function deltaIn(event: Fields, where: string): string {
  if (event.error !== undefined)
    throw new CriaError('the endpoint ended the stream with an error', { where, kind: 'failure' });
  const choices = Array.isArray(event.choices) ? event.choices.filter(isFields) : [];
  const choice = choices.find(({ index }) => index === undefined || index === 0);
  const delta = isFields(choice?.delta) ? choice.delta.content : choice?.text;
  return typeof delta === 'string' ? delta : '';
}

/** Token counts and their cost; undefined when the answer holds none. */
export function usageIn({ usage }: Fields, prices: Prices): Usage | undefined {
  if (!isFields(usage)) return undefined;
  const { prompt_tokens: promptTokens, completion_tokens: completionTokens = 0 } = usage;
  if (!isCount(promptTokens) || !isCount(completionTokens)) return undefined;
  const cost = promptTokens * prices.input + completionTokens * prices.output;
  return { promptTokens, completionTokens, cost };
}

/** Vectors in the order of their texts. @throws CriaError when one is missing, not finite or of another length. */
export function vectorsIn(answer: Fields, count: number, where: string): Float64Array[] {
  const vectors = new Array<Float64Array | undefined>(count).fill(undefined);
  for (const [place, each] of listIn(answer, 'data', where).entries()) {
    const { embedding, index = place } = fieldsOf(each, where);
    if (!Array.isArray(embedding) || !embedding.every(Number.isFinite))
      throw malformed('an embedding is not a list of numbers', where);
    vectors[index as number] = Float64Array.from(embedding);
  }
  const found = vectors.filter((vector) => vector !== undefined);
  if (found.length !== count || vectors.length !== count) {
    throw malformed(`it has ${found.length} embeddings for ${count} texts`, where);
  }
  if (found.some(({ length }) => length !== found[0]?.length))
    throw malformed('its embeddings differ in length', where);
  return found;
}

/** The ids of a list of models. */
export function modelIdsIn(answer: Fields, where: string): string[] {
  return listIn(answer, 'data', where).flatMap((each) =>
    isFields(each) && typeof each.id === 'string' ? [each.id] : [],
  );
}

/** The object that a text spells. @throws CriaError when it is something else. */
export function objectIn(text: string, where: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed('it is not JSON', where);
  }
  return fieldsOf(value, where);
}

function listIn(answer: Fields, name: string, where: string): readonly unknown[] {
  const list = answer[name];
  if (!Array.isArray(list)) throw malformed(`${name} is not a list`, where);
  return list;
}

function fieldsOf(value: unknown, where: string): Fields {
  if (isFields(value)) return value;
  throw malformed('it is not an object', where);
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function malformed(what: string, where: string): CriaError {
  const remedy = 'check that the endpoint is OpenAI-compatible';
  return new CriaError(`the answer cannot be used: ${what}`, { where, remedy, kind: 'failure' });
}
