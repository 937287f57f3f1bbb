import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { appendLine, CriaError, messageOf, type Random, randomFrom } from '../base/index.ts';
import {
  chain,
  type Leaf,
  normalised,
  outcomeAt,
  type PolicyFile,
  probabilitiesOf,
  scoresOf,
} from '../methods/ccpo/index.ts';
import { observationOf, type Round } from './features.ts';
import { type Agents, questionTokens, runRounds } from './log.ts';

export interface ServeOptions {
  readonly policy: PolicyFile;
  /** What the policy promises for these models. */
  readonly guarantee: 'batch' | 'online' | 'void';
  readonly agents: Agents;
  /** Where decisions are appended, a line each. */
  readonly decisions: string;
  /** Answer with the guide, and report what routing would have cost. */
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
export function routeServer(options: ServeOptions): Server {
  const random = randomFrom(options.seed);
  const depths = new Map<string, number>();
  return createServer((request, response) => {
    const send = (status: number, body: object, headers: Record<string, string> = {}) =>
      void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    const path = (request.url ?? '').split('?')[0];
    if (request.method === 'GET' && path === '/health') return send(200, { status: 'ok' });
    if (request.method === 'GET' && path === '/v1/models') {
      return send(200, { object: 'list', data: [{ id: 'ccpo', object: 'model', owned_by: 'cria' }] });
    }
    if (request.method !== 'POST' || path !== '/v1/chat/completions')
      return send(404, problem('there is no such path'));
    answerTo(request, response, options, depths, random).then(
      ({ body, headers }) => send(200, body, headers),
      (error: unknown) => {
        const status = error instanceof CriaError ? (error.kind === 'input' ? 400 : 502) : 500;
        send(status, problem(status === 500 ? 'unexpected' : messageOf(error)));
      },
    );
  });
}

const problem = (message: string) => ({ error: { message, type: 'invalid_request_error', param: null, code: null } });

async function answerTo(
  request: IncomingMessage,
  response: ServerResponse,
  options: ServeOptions,
  depths: Map<string, number>,
  random: Random,
) {
  const { policy, agents, shadow, auditRate } = options;
  const { question, conversation } = questionIn(await bodyOf(request));
  const abort = new AbortController();
  response.on('close', () => abort.abort());
  const horizon = policy.T;
  const audited = random() < auditRate;
  const sticky = depths.get(conversation);
  const goesOn = (rounds: readonly Round[]) =>
    audited || shadow || (sticky === undefined ? decide(policy, rounds, question).goesOn : rounds.length < sticky);
  const asked = {
    question,
    choices: undefined,
    qid: randomUUID(),
    gold: [],
    answerType: 'em' as const,
    split: undefined,
    prompt: question,
    where: 'request',
  };
  const run = await runRounds(asked, agents, horizon, goesOn, abort.signal);
  const depth = sticky ?? depthOf(policy, run, question);
  const rounds = run.slice(0, depth);
  const { pi, sets, answers, observations, kappa } = decide(policy, rounds, question);
  if (sticky === undefined) {
    if (depths.size >= mostConversations) depths.delete(depths.keys().next().value as string);
    depths.set(conversation, depth);
  }
  const cost = costOf(rounds);
  const guarantee = sticky === undefined ? options.guarantee : 'void'; // a follow-up is not a question of the calibration
  const decision = {
    ts: new Date().toISOString(),
    qid: asked.qid,
    obs: observations,
    pi,
    kappa,
    sets,
    answers,
    rounds_used: depth,
    cost,
    audited,
  };
  appendLine(options.decisions, `${JSON.stringify(decision)}\n`);
  const paid = costOf(run);
  const given = shadow ? [run[0]?.guide.answer ?? ''] : answers;
  const headers = {
    'x-cria-route': shadow ? 'guide' : `rounds=${depth}`,
    'x-cria-cost': String(shadow ? paid : cost),
    'x-cria-guarantee': guarantee,
    ...(shadow && { 'x-cria-saved': String(paid - cost) }),
  };
  const body = {
    id: `chatcmpl-${asked.qid}`,
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    model: 'ccpo',
    choices: given.map((content, index) => ({ index, message: { role: 'assistant', content }, finish_reason: 'stop' })),
    ccpo: { set: answers, kappa, alpha: policy.alpha, rounds: depth, cost, guarantee },
  };
  return { body, headers };
}

const costOf = (rounds: readonly Round[]): number =>
  rounds.reduce((sum, { base, guide }) => sum + base.cost + guide.cost, 0);

/** The rounds that the policy visits of those that were run. */
function depthOf(policy: PolicyFile, run: readonly Round[], question: string): number {
  const stop = run.findIndex((_, i) => !decide(policy, run.slice(0, i + 1), question).goesOn);
  return stop < 0 ? run.length : stop + 1;
}

/** What the policy makes of the rounds so far. Answers come with the highest score first. */
function decide(policy: PolicyFile, rounds: readonly Round[], question: string) {
  const tokens = questionTokens({ question });
  const observations = rounds.map((_, i) => observationOf(rounds.slice(0, i + 1), policy.T, tokens));
  const leaf = (answer: string): Leaf => ({ right: false, answer: normalised(answer, 'em') });
  const stages = rounds.map(({ base, guide }, i) => ({
    obs: observations[i] as number[],
    cost: 0,
    leaves: [leaf(base.answer), leaf(guide.answer)],
  }));
  const unseen = { obs: observations.at(-1) as number[], cost: 0, leaves: [leaf(''), leaf('')] };
  const episode = chain('', rounds.length < policy.T ? [...stages, unseen] : stages); // with it NEXT is allowed
  const [flat] = probabilitiesOf(policy, [episode]) as [Float64Array];
  const scores = scoresOf(episode, flat, policy.empty_rule);
  const kappa = policy.kappa_hat ?? policy.kappa_online;
  const count = policy.actions.length;
  const actions = [...policy.actions.keys()];
  const nodes = [...rounds.keys()];
  const inSet = (node: number, action: number) => (scores[node * count + action] as number) >= kappa;
  const found = outcomeAt(episode, scores, kappa).answers.filter(({ node }) => node < rounds.length);
  const texts = found.map(({ node, action }) => rounds[node]?.[action === 0 ? 'base' : 'guide'].answer as string);
  return {
    goesOn: rounds.length < policy.T && inSet(rounds.length - 1, count - 1),
    observations,
    pi: nodes.map((node) => Array.from(flat.subarray(node * count, (node + 1) * count))),
    sets: nodes.map((node) =>
      actions.filter((action) => inSet(node, action)).map((action) => policy.actions[action] as string),
    ),
    answers: texts.filter((text, i) => found.findIndex(({ answer }) => answer === normalised(text, 'em')) === i),
    kappa,
  };
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request) {
    bytes += (piece as Buffer).length;
    if (bytes > mostBytes) throw new CriaError(`the body exceeds ${mostBytes} bytes`);
    pieces.push(piece as Buffer);
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString('utf8'));
  } catch {
    throw new CriaError('the body is not JSON');
  }
}

/** The last message of the user, and what tells its conversation from others: everything until the first one of the user. */
function questionIn(body: unknown): { question: string; conversation: string } {
  const { messages, stream } = (body ?? {}) as { messages?: unknown; stream?: unknown };
  if (stream === true) throw new CriaError('a routed answer cannot be streamed', { remedy: 'leave out stream' });
  const list = Array.isArray(messages) ? (messages as { role?: unknown; content?: unknown }[]) : [];
  const users = list.filter((message) => message?.role === 'user' && typeof message.content === 'string');
  const last = users.at(-1)?.content as string | undefined;
  if (last === undefined) throw new CriaError('messages holds no text of the user');
  const first = list.slice(0, list.indexOf(users[0] as (typeof list)[number]) + 1);
  return { question: last, conversation: createHash('sha256').update(JSON.stringify(first)).digest('hex') };
}
