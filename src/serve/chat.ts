import type { WrittenToken } from '../generate/index.ts';
import { ApiError } from './errors.ts';
import { jsonOf } from './json.ts';
import type { ServedModel } from './models.ts';
import { followable } from './schema.ts';
import type { ChatRequest } from './schemas.ts';
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
import { beforeCalls, callSchema, toolCallsIn } from './tools.ts';

type Message = ChatRequest['messages'][number];

/** Answers a conversation. @throws ApiError when it cannot be. */
export async function answerChat(
  served: ServedModel,
  request: ChatRequest,
  answering: Answering,
  signal: AbortSignal,
): Promise<Reply> {
  const tools = request.tool_choice === 'none' ? [] : (request.tools ?? []);
  const names = tools.map((tool) => tool.function.name);
  if (request.top_logprobs && !request.logprobs)
    throw new ApiError(400, 'top_logprobs needs logprobs', { param: 'top_logprobs' });
  const schema = schemaOf(request, tools);
  const prompt = encoded(served, request, tools);
  const most = request.max_completion_tokens ?? request.max_tokens ?? undefined;
  const n = request.n ?? 1;
  const logprobs = request.logprobs ? { logprobs: request.top_logprobs ?? 0 } : {};
  const options = { ...optionsOf(request, most), ...biasOf(request, served), ...logprobs };
  const grammar = schema && (() => served.grammars.json(schema.of));
  const texts = { prompts: [prompt], param: 'messages' as const, options, grammar, n, signal };
  const pieces = await piecesOf(served, texts, answering);
  const head = headOf('chatcmpl', request);
  const asLogprobs = (tokens: readonly WrittenToken[]) =>
    request.logprobs ? { content: tokens.map((token) => logprobOf(served, token)) } : null;
  const finish = (end: Ended, calls: number) =>
    calls > 0 && finishReason(end) === 'stop' ? 'tool_calls' : finishReason(end);

  return {
    stream: request.stream === true,
    async whole() {
      const choices = await gathered(
        pieces,
        Array.from({ length: n }, () => ({ text: '', tokens: [] })),
      );
      const ends = choices.map(({ end }) => end as Ended);
      return {
        ...head,
        object: 'chat.completion',
        choices: choices.map(({ text, tokens }, index) => {
          const { content, calls } = toolCallsIn(text, names);
          const message = { role: 'assistant', content: calls.length > 0 && !content ? null : content, refusal: null };
          return {
            index,
            message: calls.length > 0 ? { ...message, tool_calls: calls } : message,
            logprobs: asLogprobs(tokens),
            finish_reason: finish(ends[index] as Ended, calls.length),
          };
        }),
        usage: usageOf([prompt], ends),
        ...timeoutField(ends),
      };
    },
    async *events() {
      const chunk = { ...head, object: 'chat.completion.chunk' };
      const delta = (index: number, content: object, more: object = {}) => ({
        ...chunk,
        choices: [{ index, delta: content, logprobs: null, finish_reason: null, ...more }],
      });
      const texts = Array<string>(n).fill('');
      const given = Array<number>(n).fill(0);
      const ends: Ended[] = [];
      for (let index = 0; index < n; index++) yield delta(index, { role: 'assistant', content: '' });
      for await (const { choice, text, tokens, end } of pieces) {
        texts[choice] += text;
        const all = texts[choice] as string;
        if (!end) {
          // what may become a call is kept back
          const to = names.length > 0 ? beforeCalls(all) : all.length;
          const piece = all.slice(given[choice], Math.max(to, given[choice] as number));
          given[choice] = (given[choice] as number) + piece.length;
          if (piece || (request.logprobs && tokens.length > 0))
            yield delta(choice, { content: piece }, { logprobs: asLogprobs(tokens) });
          continue;
        }
        ends.push(end);
        const { content, calls } = toolCallsIn(all, names);
        const rest = calls.length > 0 ? '' : content.slice(given[choice]);
        if (rest) yield delta(choice, { content: rest });
        if (calls.length > 0) yield delta(choice, { tool_calls: calls.map((call, index) => ({ index, ...call })) });
        yield { ...delta(choice, {}, { finish_reason: finish(end, calls.length) }), ...timeoutField([end]) };
      }
      if (request.stream_options?.include_usage) yield { ...chunk, choices: [], usage: usageOf([prompt], ends) };
    },
  };
}

/** What a text has to be, if anything: a call that tool_choice asks for, or a response_format. */
function schemaOf(request: ChatRequest, tools: NonNullable<ChatRequest['tools']>): { of: object } | undefined {
  const { tool_choice: choice, response_format: format } = request;
  if (choice === 'required' || (typeof choice === 'object' && choice)) {
    const wanted = typeof choice === 'object' ? choice.function.name : undefined;
    const chosen = tools.filter((tool) => wanted === undefined || tool.function.name === wanted);
    if (chosen.length > 0) return { of: callSchema(chosen) };
    const names =
      wanted === undefined ? 'asks for a call, and there are no tools' : `names '${wanted}', which is not in tools`;
    throw new ApiError(400, `tool_choice ${names}`, { param: 'tool_choice' });
  }
  if (format?.type === 'json_object') return { of: { type: 'object', additionalProperties: true } };
  if (format?.type !== 'json_schema') return undefined;
  return { of: followable(format.json_schema.schema, { param: 'response_format' }) };
}

function encoded({ tokenizer }: ServedModel, request: ChatRequest, tools: NonNullable<ChatRequest['tools']>): number[] {
  const messages = request.messages.map(readable);
  return tokenizer.encodeChat(messages, { addGenerationPrompt: true, ...(tools.length > 0 ? { tools } : {}) });
}

/** A message as templates read it: parts of text, and the arguments of calls as objects. @throws ApiError for an image. */
function readable(message: Message, i: number): Message & { role: string } {
  const { content, tool_calls } = message;
  if (Array.isArray(content)) {
    const param = `messages[${i}].content`;
    const other = content.find((part) => part.type !== 'text');
    if (other) throw new ApiError(400, `a part of type '${other.type}': this server reads text only`, { param });
    if (!content.every((part) => typeof part.text === 'string'))
      throw new ApiError(400, 'a part has no text', { param });
  }
  if (!tool_calls) return message;
  const calls = tool_calls.map((call) => ({
    ...call,
    function: { ...call.function, arguments: objectOf(call.function.arguments) },
  }));
  return { ...message, content: content ?? '', tool_calls: calls };
}

/** What the arguments of a call spell; what is not JSON stays a text. */
function objectOf(given: unknown): unknown {
  try {
    return typeof given === 'string' ? jsonOf(given) : given;
  } catch {
    return given;
  }
}

function logprobOf(served: ServedModel, { id, logprob = 0, top = [] }: WrittenToken) {
  const entry = (token: number, value: number) => {
    const text = tokenText(served, token);
    return { token: text, logprob: value, bytes: [...Buffer.from(text)] };
  };
  return { ...entry(id, logprob), top_logprobs: top.map((each) => entry(each.id, each.logprob)) };
}
