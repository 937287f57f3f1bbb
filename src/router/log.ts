import {
  appendLine,
  CriaError,
  type RunPlace,
  type RunState,
  silent,
  throwIfAborted,
  type Watch,
  writeFileAtomically,
} from '../base/index.ts';
import { linesOf } from '../data/index.ts';
import { isRight, type LiveStage, type PolicyFile, roundsOf } from '../methods/ccpo/index.ts';
import { mean } from '../statistics/index.ts';
import type { Agent } from './agents.ts';
import { featureNames, type OpenRound, observationOf, type Round } from './features.ts';
import type { LabelledQuestion } from './questions.ts';
import type { TrajectoryRow } from './simulate.ts';

/** The two models of a log. */
export interface Agents {
  readonly base: Agent;
  readonly guide: Agent;
}

/**
 * Calls base and guide in turn; stops where `goesOn` says so after a call. After one of the base the last round is open.
 */
export async function runCalls(
  question: LabelledQuestion,
  { base, guide }: Agents,
  horizon: number,
  goesOn: (rounds: readonly (Round | OpenRound)[]) => boolean,
  signal?: AbortSignal,
): Promise<void> {
  const rounds: Round[] = [];
  while (rounds.length < horizon) {
    const answer = await base.answer(question, rounds, signal);
    if (!goesOn([...rounds, { base: answer }])) break;
    const judged = await guide.judge(question, answer, rounds, signal);
    rounds.push({ base: answer, guide: judged });
    if (!goesOn(rounds)) break;
  }
}

/** The tokens of a question, estimated where no model counts them: four characters each. */
const questionTokens = ({ question }: { readonly question: string }): number => question.length / 4;

/** The decisions of the calls so far. A round whose guide was not called is one on a ladder alone. */
export function stagesOf(policy: PolicyFile, rounds: readonly (Round | OpenRound)[], question: string): LiveStage[] {
  const tokens = questionTokens({ question });
  return rounds.flatMap(({ base, guide }, i): LiveStage[] => {
    const seen = (last: Round | OpenRound) => observationOf([...rounds.slice(0, i), last], roundsOf(policy), tokens);
    const alone = { round: i + 1, obs: seen({ base }), cost: base.cost, answers: [base.answer] };
    const both = guide && {
      round: i + 1,
      obs: seen({ base, guide }),
      cost: guide.cost + (policy.ladder ? 0 : base.cost),
      answers: [base.answer, guide.answer],
    };
    return [...(policy.ladder ? [alone] : []), ...(both ? [both] : [])];
  });
}

/** A row of a log. (CCPO specification, section 2) */
function trajectoryRow(
  question: LabelledQuestion,
  rounds: readonly Round[],
  { horizon, promptHash }: { readonly horizon: number; readonly promptHash: string },
): TrajectoryRow {
  const { gold, answerType } = question;
  const right = rounds.map(({ base, guide }) => [base, guide].map(({ answer }) => isRight(answer, gold, answerType)));
  const call = ({ model, answer, tokensIn, tokensOut, cost }: Round['base']) => ({
    ...{ model, answer, tok_in: tokensIn, tok_out: tokensOut, cost },
  });
  return {
    ...{ v: 1, qid: question.qid, gold, answer_type: answerType, prompt_hash: promptHash, split: question.split },
    features: featureNames(horizon),
    rounds: rounds.map(({ base, guide }, i) => ({
      t: i + 1,
      base: { ...call(base), text: base.text, mean_logprob: base.logprobs.length > 0 ? mean(base.logprobs) : null },
      guide: { ...call(guide), judge: guide.judge, p_yes: guide.pYes, ans_logprobs: guide.logprobs },
      obs_base: observationOf([...rounds.slice(0, i), { base }], horizon, questionTokens(question)),
      obs: observationOf(rounds.slice(0, i + 1), horizon, questionTokens(question)),
      ok_base: right[i]?.[0],
      ok_guide: right[i]?.[1],
    })),
    solvable: right.some((pair) => pair.some(Boolean)),
    truncated: rounds.length < horizon,
  };
}

export interface LogOptions {
  readonly horizon: number;
  readonly promptHash: string;
}

const rowsFile = 'rows.jsonl';

/** Where the state of a run lies. */
export const logPlace = (out: string): RunPlace => ({ out, ending: 'log', names: [rowsFile] });

/**
 * Runs every question to the full horizon. Each finished row is kept in `state`, so that no call is paid twice. A question
 * whose endpoint fails is kept as truncated, up to ten in a row.
 * @throws CriaError when the endpoints fail again and again.
 */
export async function logQuestions(
  state: RunState,
  questions: readonly LabelledQuestion[],
  agents: Agents,
  options: LogOptions,
  { progress = silent, signal }: Watch = {},
): Promise<TrajectoryRow[]> {
  const path = state.path(rowsFile);
  const rows = state.has(rowsFile) ? await finishedRows(path) : [];
  let failures = 0;
  for (const question of questions.slice(rows.length)) {
    throwIfAborted(signal);
    progress.step('logging', rows.length, questions.length, 'questions');
    const done: Round[] = [];
    try {
      const keep = (rounds: readonly (Round | OpenRound)[]) => {
        const last = rounds.at(-1);
        if (last?.guide) done.push(last);
        return true;
      };
      await runCalls(question, agents, options.horizon, keep, signal);
      failures = 0;
    } catch (error) {
      throwIfAborted(signal);
      const isPassing = error instanceof CriaError && error.kind === 'failure';
      if (!isPassing || ++failures === mostFailures) throw error;
      progress.note(`${question.qid} is cut short: ${error.message}`);
    }
    const row = trajectoryRow(question, done, options);
    appendLine(path, `${JSON.stringify(row)}\n`);
    rows.push(row);
  }
  progress.step('logging', rows.length, questions.length, 'questions');
  return rows;
}

const mostFailures = 10;

/** The rows of an unfinished run; a last line that was cut off is logged again. */
async function finishedRows(path: string): Promise<TrajectoryRow[]> {
  const rows: TrajectoryRow[] = [];
  for await (const line of linesOf(path)) {
    try {
      rows.push(JSON.parse(line));
    } catch {
      break;
    }
  }
  const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  await writeFileAtomically(path, (append) => append(new TextEncoder().encode(text)));
  return rows;
}
