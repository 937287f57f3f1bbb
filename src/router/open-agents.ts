import { createHash } from 'node:crypto';
import { CriaError, type Progress } from '../base/index.ts';
import { hashOf, modelsKey, type PolicyFile, roundsOf, serviceOf } from '../methods/ccpo/index.ts';
import { loadModel } from '../model/index.ts';
import { modelPath } from '../options/index.ts';
import { type Agent, endpointAgent, endpointPromptHash } from './agents.ts';
import { featureNames } from './features.ts';
import { examplesPerRound, openLocalAgent } from './local-agent.ts';
import type { Agents } from './log.ts';
import { type RoutedModel, readModels } from './models-file.ts';
import { readQuestions, withDrawnChoices, withExamples } from './questions.ts';

export interface OpenedAgents extends Agents {
  readonly models: readonly [base: RoutedModel, guide: RoutedModel];
  /** Tells the prompts apart. */
  readonly promptHash: string;
  close(): Promise<void>;
}

interface AgentOptions {
  /** Texts of examples for local models. */
  readonly examples: readonly string[];
  readonly seed: number;
  readonly threads: number | undefined;
  readonly progress: Progress;
}

/** Opens the base and the guide of a models file. @throws CriaError when one cannot be opened. */
export async function openAgents(
  file: string,
  { examples, seed, threads, progress }: AgentOptions,
): Promise<OpenedAgents> {
  const models = await readModels(file);
  const closing: (() => Promise<void>)[] = [];
  const open = async (model: RoutedModel): Promise<Agent> => {
    if (model.baseUrl !== undefined) return endpointAgent(model, seed);
    const loaded = loadModel(modelPath(model.model), { threads, precision: 'f32', progress });
    closing.push(async () => loaded.close());
    const agent = await openLocalAgent(model, loaded, examples);
    closing.push(() => agent.close());
    return agent;
  };
  const close = async () => {
    for (const each of closing.reverse()) await each();
  };
  try {
    const [base, guide] = [await open(models[0]), await open(models[1])];
    const prompts = createHash('sha256').update(examples.join('')).digest('hex').slice(0, 16);
    const isLocal = models.every(({ baseUrl }) => baseUrl === undefined);
    return { base, guide, models, promptHash: isLocal ? `likelihood-${prompts}` : endpointPromptHash, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * The questions of a log, apart from those that serve as examples in later rounds. Local models choose: for them questions
 * without choices get some.
 */
export async function questionsToLog(
  path: string,
  models: string,
  {
    horizon,
    limit = Infinity,
    seed,
  }: { readonly horizon: number; readonly limit?: number | undefined; readonly seed: number },
) {
  const anyLocal = (await readModels(models)).some(({ baseUrl }) => baseUrl === undefined);
  const read = await readQuestions(path);
  const questions = anyLocal ? withDrawnChoices(read, seed) : read;
  const { asked, examples } = withExamples(questions, (horizon - 1) * examplesPerRound, seed);
  return { asked: asked.slice(0, limit), examples };
}

/** What a policy promises for the models that serve it: nothing when it was calibrated on others. */
export function servedGuarantee(
  policy: PolicyFile,
  { models, promptHash }: Pick<OpenedAgents, 'models' | 'promptHash'>,
) {
  const [base, guide] = models;
  return serviceOf(policy, { modelsHash: hashOf([modelsKey(base.id, guide.id)]), promptHash: hashOf([promptHash]) })
    .guarantee;
}

/** @throws CriaError for a policy that live questions cannot be given to, and for models that choose among answers. */
export function refuseUnservable(policy: PolicyFile, { models }: Pick<OpenedAgents, 'models'>): void {
  const local = models.find(({ baseUrl }) => baseUrl === undefined);
  if (local) {
    const remedy = `serve it (cria serve ${local.model}) and use its address as base_url`;
    throw new CriaError('chooses among given answers, and live questions have none', { where: local.id, remedy });
  }
  const names = featureNames(roundsOf(policy));
  if (policy.features.length === names.length) return;
  const what = `reads ${policy.features.length} numbers and live questions have ${names.length}`;
  throw new CriaError(what, { where: 'policy', remedy: 'train it on a log of cria route log' });
}
