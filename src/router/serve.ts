import { createHash, randomUUID } from 'node:crypto';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { appendLine, CriaError, messageOf, type Random, randomFrom } from '../base/index.ts';
import { decide, depthOf, type LiveStage, type PolicyFile, roundsOf } from '../methods/ccpo/index.ts';
import type { OpenRound, Round } from './features.ts';
import { type Agents, runCalls, stagesOf } from './log.ts';

export interface ServeOptions {
  readonly policy: PolicyFile;
  /** What the policy promises for these models. */
  readonly guarantee: 'batch' | 'online' | 'void';
  readonly agents: Agents;
  /** Where decisions are appended, a line each. */
  readonly decisions: string;
  /** Answer with the guide, and report what routing would have saved beside one call of it. */
  readonly shadow: boolean;
  /** Share of the requests that are run to the full horizon for an audit. */
  readonly auditRate: number;
  readonly seed: number;
}

const mostBytes = 10 * 2 ** 20;
const mostConversations = 10_000;

/**
 * A router that speaks OpenAI's protocol: `POST /v1/chat/completions`, `GET /v1/models`, `GET /health`. A conversation
 * keeps the depth that its first question was given. Decisions hold neither questions nor keys.
 */
export function routeApp(options: ServeOptions): Hono {
  const random = randomFrom(options.seed);
  const depths = new Map<string, number>();
  const app = new Hono();
  app.get('/health', (c) => c.json({ status: 'ok' }));
  app.get('/v1/models', (c) => c.json({ object: 'list', data: [{ id: 'ccpo', object: 'model', owned_by: 'cria' }] }));
  const tooLong = () => {
    throw new CriaError(`the body exceeds ${mostBytes} bytes`);
  };
  app.post('/v1/chat/completions', bodyLimit({ maxSize: mostBytes, onError: tooLong }), async (c) => {
    const body = await c.req.json().catch(() => {
      throw new CriaError('the body is not JSON');
    });
    return response(await answerTo(requestIn(body), c.req.raw.signal, options, depths, random));
  });
  app.notFound((c) => c.json(problem('there is no such path'), 404));
  app.onError((error, c) => {
    if (!(error instanceof CriaError)) return c.json(problem('unexpected'), 500);
    return c.json(problem(messageOf(error)), error.kind === 'input' ? 400 : 502);
  });
  return app;
}

const problem = (message: string) => ({ error: { message, type: 'invalid_request_error', param: null, code: null } });

/** What is sent for a request. */
interface Reply {
  readonly id: string;
  readonly choices: readonly { readonly role: 'assistant'; readonly content: string; readonly refusal?: string }[];
  readonly usage: Readonly<Record<string, number>>;
  readonly ccpo: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly asked: RoutedRequest;
}

async function answerTo(
  asked: RoutedRequest,
  signal: AbortSignal,
  options: ServeOptions,
  depths: Map<string, number>,
  random: Random,
): Promise<Reply> {
  const { policy, agents, shadow, auditRate } = options;
  const { question, conversation } = asked;
  const audited = random() < auditRate;
  const sticky = depths.get(conversation);
  let run: readonly (Round | OpenRound)[] = [];
  const goesOn = (rounds: readonly (Round | OpenRound)[]) => {
    run = rounds;
    const isOpen = rounds.at(-1)?.guide === undefined;
    if (audited || (isOpen && (!policy.ladder || (shadow && rounds.length === 1)))) return true;
    const stages = stagesOf(policy, rounds, question);
    return sticky === undefined ? decide(policy, stages).goesOn : stages.length < sticky;
  };
  const id = randomUUID();
  const live = { ...unlabelled, question, prompt: question, qid: id };
  const failure = await runCalls(live, agents, roundsOf(policy), goesOn, signal).catch((error: unknown) => error);
  const all = stagesOf(policy, run, question);
  if (failure && (all.length === 0 || signal.aborted)) throw failure;
  const depth = failure ? all.length : (sticky ?? depthOf(policy, all));
  const stages = all.slice(0, depth);
  const decided = decide(policy, stages);
  const answers = failure ? [...new Set(stages.flatMap((stage) => stage.answers))] : decided.answers;
  if (sticky === undefined && !failure) {
    if (depths.size >= mostConversations) depths.delete(depths.keys().next().value as string);
    depths.set(conversation, depth);
  }
  const [cost, paid] = [costOf(stages), costOf(all)];
  const rounds = stages.at(-1)?.round ?? 0;
  // A follow-up is not a question of the calibration, and an endpoint that failed has cut the run short.
  const guarantee = sticky === undefined && !failure ? options.guarantee : 'void';
  const { pi, sets, kappa } = decided;
  const decision = {
    ...{ ts: new Date().toISOString(), qid: id, obs: stages.map(({ obs }) => obs), pi, kappa, sets, answers },
    ...{ rounds_used: rounds, cost, audited },
  };
  appendLine(options.decisions, `${JSON.stringify(decision)}\n`);
  const guide = run[0]?.guide;
  const given = shadow && guide ? [guide.answer] : answers;
  const told = { 'x-cria-cost': String(paid), 'x-cria-guarantee': guarantee };
  const route = policy.ladder ? `calls=${depth}` : `rounds=${rounds}`;
  return {
    ...{ id: `chatcmpl-${id}`, asked, usage: usageOf(run) },
    choices: given.length > 0 ? given.map(said) : [{ ...said(''), refusal: 'No answer reaches the threshold.' }],
    ccpo: { set: answers, kappa, alpha: policy.alpha, rounds, cost, guarantee },
    headers:
      shadow && guide
        ? { ...told, 'x-cria-route': 'guide', 'x-cria-saved': String(guide.cost - cost) }
        : { ...told, 'x-cria-route': route },
  };
}

const unlabelled = { choices: undefined, gold: [], answerType: 'em', split: undefined, where: 'request' } as const;

const said = (content: string) => ({ role: 'assistant' as const, content });

const costOf = (stages: readonly LiveStage[]): number => stages.reduce((sum, { cost }) => sum + cost, 0);

function usageOf(rounds: readonly (Round | OpenRound)[]) {
  const calls = rounds.flatMap(({ base, guide }) => (guide ? [base, guide] : [base]));
  const prompt = calls.reduce((sum, { tokensIn }) => sum + tokensIn, 0);
  const completion = calls.reduce((sum, { tokensOut }) => sum + tokensOut, 0);
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}

/** A reply whole, or as the events of a stream: which answer comes first is known when the last call is done. */
function response({ id, choices, usage, ccpo, headers, asked }: Reply): Response {
  const common = { id, created: Math.floor(Date.now() / 1000), model: 'ccpo' };
  if (!asked.stream) {
    const list = choices.map((message, index) => ({ index, message, finish_reason: 'stop' }));
    return Response.json({ ...common, object: 'chat.completion', choices: list, usage, ccpo }, { headers });
  }
  const events = [
    ...choices.map((delta, index) => ({ choices: [{ index, delta, finish_reason: null }] })),
    { choices: choices.map((_, index) => ({ index, delta: {}, finish_reason: 'stop' })), ccpo },
    ...(asked.includeUsage ? [{ choices: [], usage }] : []),
  ].map((event) => JSON.stringify({ ...common, object: 'chat.completion.chunk', ...event }));
  return new Response([...events, '[DONE]'].map((event) => `data: ${event}\n\n`).join(''), {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache', ...headers },
  });
}

interface RoutedRequest {
  /** The last message of the user. */
  readonly question: string;
  /** Tells its conversation from others: everything until the first message of the user. */
  readonly conversation: string;
  readonly stream: boolean;
  readonly includeUsage: boolean;
}

function requestIn(body: unknown): RoutedRequest {
  const { messages, stream, stream_options: more } = fields(body);
  const list = Array.isArray(messages) ? messages.map(fields) : [];
  const users = list.filter(({ role, content }) => role === 'user' && textOf(content) !== undefined);
  const question = textOf(users.at(-1)?.content);
  if (question === undefined) throw new CriaError('messages holds no text of the user');
  const first = list.slice(0, list.indexOf(users[0] as (typeof list)[number]) + 1);
  return {
    question,
    conversation: createHash('sha256').update(JSON.stringify(first)).digest('hex'),
    stream: stream === true,
    includeUsage: fields(more).include_usage === true,
  };
}

const fields = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

/** A text, or the texts of its parts. */
function textOf(content: unknown): string | undefined {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return undefined;
  const texts = content.map((part) => fields(part).text).filter((text) => typeof text === 'string');
  return texts.length > 0 ? texts.join('\n') : undefined;
}
