import type { Config } from '../../model/index.ts';
import { openLayerEngine } from './engine.ts';
import type { FrontOptions } from './options.ts';
import type { FrontPlan } from './run.ts';

/** What a run would read, write and take. */
export interface FrontEstimate {
  readonly matrices: number;
  readonly calibrationTokens: number;
  readonly testTokens: number;
  readonly models: number;
  readonly memoryBytes: number;
  readonly bundleBytes: number;
  readonly seconds: number;
}

const iterations = 45; // of stage 1: what layers of small models usually take
const [taskProducts, refineProducts] = [10, 10];

/** Estimates a run from the sizes of its matrices and the speed of one product of this machine. */
export async function estimateFront(
  { targets, calibration, tests, preferences }: FrontPlan,
  config: Config,
  { baselines, sequence }: FrontOptions,
  options: { readonly threads: number },
): Promise<FrontEstimate> {
  const matrices = targets.blocks.flat();
  const total = (of: (target: (typeof matrices)[number]) => number) =>
    matrices.reduce((sum, each) => sum + of(each), 0);
  const most = (of: (target: (typeof matrices)[number]) => number) => Math.max(...matrices.map(of));
  const tokensIn = (lists: FrontPlan['tests']) =>
    lists.reduce((sum, { windows }) => sum + windows.length * sequence, 0);
  const objectives = calibration.length;
  const [product, inversion] = [
    total(({ rows, columns }) => rows * columns ** 2),
    total(({ columns }) => columns ** 3),
  ];
  const alps = product * (iterations + refineProducts) + (inversion * iterations) / 3;
  const own = product * iterations + objectives * (product * (taskProducts + refineProducts) + inversion);
  const runs = 1 + (baselines.includes('alps-per-task') ? objectives : 0);
  const [calibrationTokens, testTokens] = [tokensIn(calibration), tokensIn(tests)];
  const models = tests.length > 0 ? 1 + preferences.length + baselines.length : 0;
  const weights = total(({ rows, columns }) => rows * columns);
  const read = 2 * calibrationTokens * (1 + baselines.length) + models * testTokens;
  const head = models * testTokens * config.hiddenSize * config.vocabulary;
  const widest = most(({ columns }) => columns);
  return {
    ...{ matrices: matrices.length, calibrationTokens, testTokens, models },
    memoryBytes:
      4 * ((objectives + 6) * widest ** 2 + 12 * most(({ rows, columns }) => rows * columns)) +
      8 * calibrationTokens * config.hiddenSize,
    bundleBytes: (1 + objectives) * weights * 2,
    seconds: (alps * runs + own + weights * read + head) / (await productsPerSecond(options)),
  };
}

const size = 768;

/** Multiplications with addition in a second. */
async function productsPerSecond(options: { readonly threads: number }): Promise<number> {
  const engine = await openLayerEngine(options);
  const a = { rows: size, columns: size, data: new Float32Array(size * size) };
  await engine.product(a, a);
  const begun = performance.now();
  for (let i = 0; i < 5; i++) await engine.product(a, a);
  const seconds = (performance.now() - begun) / 1000;
  await engine.dispose();
  return (5 * size ** 3) / seconds;
}
