import { availableParallelism } from 'node:os';
import type { LoadedModel } from '../../model/index.ts';
import { openLayerEngine } from './engine.ts';
import type { Target } from './matrices.ts';
import type { Windows } from './objectives.ts';
import type { BaselineName } from './options.ts';
import type { FrontPlan } from './run.ts';
import { taskIterations } from './splitting.ts';

/** What a run would read and take. */
export interface PruningEstimate {
  readonly matrices: number;
  readonly calibrationTokens: number;
  readonly testTokens: number;
  /** Models that read the test text. */
  readonly models: number;
  /** Beside the model. */
  readonly memoryBytes: number;
  /** Of a front. */
  readonly bundleBytes?: number;
  /** On this machine, when nothing else runs. */
  readonly seconds: number;
}

/** The points of a front come from `mosp`; `alps-per-task` prunes once for each objective. */
type Method = 'mosp' | BaselineName;

const iterations = 33; // of stage 1: most layers end with the early exit
const inversions = 11; // of its penalties
const refinements = 10;
/**
 * Calibrated against products of one thread: what an entry costs in the rest of an iteration, which uses one thread, and how
 * many entries its constant part is worth; an inversion as a multiple of n^3, a forward pass of its products.
 */
const [entry, constant, inverting, forwarding] = [1300, 2 ** 16, 2.5, 2];

/** Products with a second moment that a method takes for a matrix, and inversions for the matrices of one input. */
function workOf(method: Method, objectives: number): readonly [products: number, inversions: number] {
  const errors = objectives * (method === 'mosp' ? objectives + 2 : 2);
  if (method === 'magnitude' || method === 'wanda') return [errors, 0];
  if (method === 'sparsegpt') return [errors + 3, 1];
  if (method === 'alps') return [errors + iterations + refinements, inversions];
  if (method === 'alps-per-task') return [objectives * (2 + iterations + refinements), objectives * inversions];
  const own = objectives * (taskIterations + refinements);
  return [errors + 2 * iterations + refinements + own, inversions + objectives];
}

const tokensIn = (lists: readonly Windows[]): number => lists.flatMap(({ windows }) => windows).flat().length;

/** Counts the products of passes over the blocks, and times some on this machine. */
export async function estimateRun(
  { targets, calibration, tests, preferences = [] }: Omit<FrontPlan, 'written' | 'preferences'> & Partial<FrontPlan>,
  model: LoadedModel,
  methods: readonly Method[],
): Promise<PruningEstimate> {
  const { hiddenSize, vocabulary } = model.config;
  const matrices = targets.blocks.flat();
  const sumOver = (list: readonly Target[], of: (target: Target) => number) =>
    list.reduce((sum, each) => sum + of(each), 0);
  const widest = Math.max(...matrices.map(({ columns }) => columns));
  const largest = Math.max(...matrices.map(({ rows, columns }) => rows * columns));
  const leading = targets.blocks.flatMap((block) => [...new Map(block.map((each) => [each.input, each])).values()]);
  const product = sumOver(matrices, ({ rows, columns }) => rows * columns ** 2);
  const rest = sumOver(matrices, ({ rows, columns }) => entry * (rows * columns + constant));
  const inversion = inverting * sumOver(leading, ({ columns }) => columns ** 3);
  const weights = sumOver(matrices, ({ rows, columns }) => rows * columns);
  const moments = sumOver(leading, ({ columns }) => columns ** 2);
  const [calibrationTokens, testTokens] = [tokensIn(calibration), tokensIn(tests)];
  const models = 1 + preferences.length + methods.filter((method) => method !== 'mosp').length;
  let [alone, together] = [0, forwarding * models * testTokens * (weights + hiddenSize * vocabulary)];
  for (const method of methods) {
    const [products, inverted] = workOf(method, calibration.length);
    alone += products * rest;
    together += products * product + inverted * inversion + forwarding * calibrationTokens * (2 * weights + moments);
  }
  return {
    ...{ matrices: matrices.length, calibrationTokens, testTokens, models: testTokens > 0 ? models : 0 },
    memoryBytes: 4 * ((calibration.length + 6) * widest ** 2 + 12 * largest) + 8 * calibrationTokens * hiddenSize,
    ...(methods.includes('mosp') && { bundleBytes: (1 + calibration.length) * weights * 2 }),
    seconds: (alone + together / (model.threads || availableParallelism())) / (await productsPerSecond(model)),
  };
}

const [size, rounds] = [768, 20];

/** Multiplications with addition that a thread makes in a second: the fastest of rounds, which others disturb least. */
async function productsPerSecond({ device }: LoadedModel): Promise<number> {
  const engine = await openLayerEngine({ device, threads: 1 });
  const a = { rows: size, columns: size, data: new Float32Array(size * size).fill(1) };
  let fastest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < rounds; i++) {
    const begun = performance.now();
    await engine.product(a, a);
    fastest = Math.min(fastest, (performance.now() - begun) / 1000);
  }
  await engine.dispose();
  return size ** 3 / fastest;
}
