import { randomUUID } from 'node:crypto';
import type { WrittenToken } from '../generate/index.ts';
import { ApiError } from './errors.ts';
import { checkSchema } from './grammar.ts';
import type { ServedModel } from './models.ts';
import type { Reply } from './reply.ts';
import type { ChatRequest } from './schemas.ts';
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
import { beforeCalls, callSchema, toolCallsIn } from './tools.ts';

type Message = ChatRequest['messages'][number];
type Ended = NonNullable<Piece['end']>;

/** Answers a conversation. @throws ApiError when it cannot be. */
export function answerChat(
  served: ServedModel,
  request: ChatRequest,
  answering: Answering,
  signal: AbortSignal,
): Reply {
  const tools = request.tool_choice === 'none' ? [] : (request.tools ?? []);
  const names = tools.map((tool) => tool.function.name);
  const schema = schemaOf(request, tools);
  const prompt = encoded(served, request, tools);
  const most = request.max_completion_tokens ?? request.max_tokens ?? undefined;
  const n = request.n ?? 1;
  const logprobs = request.logprobs ? { logprobs: request.top_logprobs ?? 0 } : {};
  const options = { ...optionsOf(request, most), ...biasOf(request, served), ...logprobs };
  const own =
    schema &&
    (async () => {
      const { constrain, observer, dispose } = await served.grammars.json(schema.of);
      return { constrain, observers: [observer], dispose };
    });
  const pieces = piecesOf(served, { prompts: [prompt], options, n, signal, ...(own ? { own } : {}) }, answering);
  const head = { id: `chatcmpl-${randomUUID()}`, created: Math.floor(Date.now() / 1000), model: request.model };
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
      const chunk = (choices: readonly object[], more: object = {}) => ({
        ...head,
        object: 'chat.completion.chunk',
        choices,
        ...more,
      });
      const delta = (
        index: number,
        content: object,
        finish_reason: string | null = null,
        logprobs: object | null = null,
      ) => chunk([{ index, delta: content, logprobs, finish_reason }]);
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
            yield delta(choice, { content: piece }, null, asLogprobs(tokens));
          continue;
        }
        ends.push(end);
        const { content, calls } = toolCallsIn(all, names);
        const rest = calls.length > 0 ? '' : content.slice(given[choice]);
        if (rest) yield delta(choice, { content: rest });
        if (calls.length > 0) yield delta(choice, { tool_calls: calls.map((call, index) => ({ index, ...call })) });
        yield { ...delta(choice, {}, finish(end, calls.length)), ...timeoutField([end]) };
      }
      if (request.stream_options?.include_usage) yield chunk([], { usage: usageOf([prompt], ends) });
    },
  };
}

/** What a text has to be, if anything: a call that tool_choice asks for, or a response_format. */
function schemaOf(
  request: ChatRequest,
  tools: NonNullable<ChatRequest['tools']>,
): { of: object | undefined } | undefined {
  const { tool_choice: choice, response_format: format } = request;
  if (choice === 'required' || typeof choice === 'object') {
    const wanted = typeof choice === 'object' ? choice?.function.name : undefined;
    const chosen = tools.filter((tool) => wanted === undefined || tool.function.name === wanted);
    if (choice && chosen.length === 0) {
      const message =
        wanted === undefined
          ? 'tool_choice asks for a call, and there are no tools'
          : `tool_choice names '${wanted}', which is not in tools`;
      throw new ApiError(400, message, { param: 'tool_choice' });
    }
    if (choice) return { of: callSchema(chosen) };
  }
  if (format?.type === 'json_object') return { of: undefined };
  if (format?.type !== 'json_schema') return undefined;
  checkSchema(format.json_schema.schema);
  return { of: format.json_schema.schema };
}

function encoded({ tokenizer }: ServedModel, request: ChatRequest, tools: NonNullable<ChatRequest['tools']>): number[] {
  const messages = request.messages.map(readable);
  return tokenizer.encodeChat(messages, { addGenerationPrompt: true, ...(tools.length > 0 ? { tools } : {}) });
}

/** A message as templates read it: parts of text, and the arguments of calls as objects. @throws ApiError for an image. */
function readable(message: Message, i: number): Message & { role: string } {
  const { content, tool_calls } = message;
  if (Array.isArray(content)) {
    const other = content.find((part) => part.type !== 'text');
    if (other)
      throw new ApiError(400, `a part of type '${other.type}': this server reads text only`, {
        param: `messages[${i}].content`,
      });
  }
  if (!tool_calls) return message;
  const calls = tool_calls.map((call) => ({
    ...call,
    function: { ...call.function, arguments: objectOf(call.function.arguments) },
  }));
  return { ...message, content: content ?? '', tool_calls: calls };
}

function objectOf(given: unknown): unknown {
  try {
    return typeof given === 'string' ? JSON.parse(given) : given;
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
