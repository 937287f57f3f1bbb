import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { jsonLines, writeTexts } from '../../artifact/index.ts';
import { makeFolder, throwIfAborted, type Watch } from '../../base/index.ts';
import { readText } from '../../data/index.ts';
import { logLikelihoods } from '../../evaluate/index.ts';
import { type LoadedModel, loadModel, openForward } from '../../model/index.ts';
import type { Windows } from './objectives.ts';
import { type PrunedWeights, prunedCheckpoint } from './points.ts';

/** How a model predicts one test window: a line of rows.jsonl. */
export interface TestRow {
  /** A point's id, a baseline's name, or `base`. */
  readonly model: string;
  readonly objective: string;
  readonly window: number;
  /** Predicted tokens: all of the window but the first. */
  readonly tokens: number;
  /** Natural logarithm, summed over them. */
  readonly logLikelihood: number;
}

/** A model to be evaluated: the base without weights. */
export interface Candidate {
  readonly name: string;
  readonly weights?: PrunedWeights;
  /** Test sets that it reads; all by default. */
  readonly objectives?: readonly string[];
}

/** Reads the test windows with each candidate. Rows of those that are finished are kept in `folder` and used again. */
export async function evaluateCandidates(
  model: LoadedModel,
  candidates: readonly Candidate[],
  tests: readonly Windows[],
  folder: string,
  watch: Watch,
): Promise<TestRow[]> {
  const rows: TestRow[] = [];
  for (const [i, { name, weights, objectives }] of candidates.entries()) {
    throwIfAborted(watch.signal);
    const own = tests.filter((test) => objectives?.includes(test.name) ?? true);
    const file = `${name}${objectives ? `-${objectives.join('-')}` : ''}.jsonl`;
    if (!existsSync(join(folder, file))) {
      watch.progress?.step('evaluating', i, candidates.length, 'models', name);
      const made = await readWith(model, weights, name, own, { signal: watch.signal });
      makeFolder(folder);
      await writeTexts(folder, { [file]: jsonLines(made) });
    }
    rows.push(...rowsIn(join(folder, file)));
  }
  watch.progress?.step('evaluating', candidates.length, candidates.length, 'models');
  return rows;
}

async function readWith(
  { checkpoint, threads, device, progress }: LoadedModel,
  weights: PrunedWeights | undefined,
  name: string,
  tests: readonly Windows[],
  watch: Watch,
): Promise<TestRow[]> {
  const pruned = prunedCheckpoint(checkpoint, weights ?? new Map());
  const model = loadModel(pruned, { threads, device, precision: 'f32', progress });
  try {
    return await testRows(model, name, tests, watch);
  } finally {
    model.close();
  }
}

/** Reads every test window with a model. */
async function testRows(model: LoadedModel, name: string, tests: readonly Windows[], watch: Watch): Promise<TestRow[]> {
  const forward = await openForward(model);
  try {
    const places = tests.flatMap(({ name: objective, windows }) =>
      windows.map((ids, window) => ({ objective, window, text: { ids, from: 1 } })),
    );
    const read = await logLikelihoods(
      forward,
      places.map(({ text }) => text),
      watch,
    );
    return places.map(({ objective, window }, i) => {
      const values = read[i] as Float32Array;
      const logLikelihood = values.reduce((sum, value) => sum + value, 0);
      return { model: name, objective, window, tokens: values.length, logLikelihood };
    });
  } finally {
    await forward.dispose();
  }
}

const rowsIn = (path: string): TestRow[] =>
  readText(path)
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as TestRow);
