import { CriaError, type Progress, permutation, type Watch } from '../../base/index.ts';
import { type Predicted, windowsOf } from '../../evaluate/index.ts';
import { type LoadedModel, openForward } from '../../model/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import {
  type Example,
  randomFor,
  readExamples,
  sequencesIn,
  type TeacherCache,
  teacherCache,
} from '../../train/index.ts';
import type { E3Options } from './options.ts';

/** What each part of a run reads. */
export interface Split {
  /** For importance and baselines. */
  readonly calibration: readonly Example[];
  readonly search: readonly Example[];
  readonly recovery: readonly Example[];
  /** What nothing else reads. */
  readonly test: readonly Example[];
}

/** How many sequences each part asks for. */
export type Sizes = Readonly<Record<keyof Split, number>>;

/**
 * Deals sequences out in an order of the seed: test, calibration and search, recovery behind the search. What is asked
 * for beyond the data is read again, and that is said.
 * @throws CriaError when there is not one sequence for the test and one for the rest.
 */
function split(sequences: readonly Example[], sizes: Sizes, seed: number, progress: Progress): Split {
  if (sequences.length < 2) {
    const what = `has ${sequences.length} of the 2 sequences that a search and a test need`;
    throw new CriaError(what, { where: '--data', remedy: 'use more data, or a smaller --sequence' });
  }
  const order = [...permutation(sequences.length, randomFor(seed, 'sequences'))].map((i) => sequences[i] as Example);
  const test = order.slice(0, Math.min(sizes.test, Math.ceil(sequences.length / 10)));
  const rest = order.slice(test.length);
  const asked = sizes.search + sizes.recovery;
  if (asked > rest.length)
    progress.note(`${asked} sequences are asked for: the ${rest.length} of the data are read again.`);
  const around = (from: number, count: number): Example[] =>
    Array.from({ length: Math.min(count, rest.length) }, (_, i) => rest[(from + i) % rest.length] as Example);
  return {
    test,
    calibration: around(0, sizes.calibration),
    search: around(0, sizes.search),
    recovery: around(sizes.search, sizes.recovery),
  };
}

export interface Data extends Split {
  /** The test text or the sequences of the test, all tokens but the first predicted. */
  readonly windows: readonly Predicted[];
  /** Sequences in a search step. */
  readonly batch: number;
}

const calibrationTokens = 4096; // a pass of SLEB (arXiv 2402.09025), and of the importances

/** Reads what a run needs. @throws CriaError when the data or the test text holds too little. */
export async function readData(
  model: LoadedModel,
  tokenizer: Tokenizer,
  options: E3Options,
  watch: Watch,
): Promise<Data> {
  const { sequence, searchSteps, searchTokens, recoveryTokens, test, testTokens, columns } = options;
  const how = { columns, sequence, packing: options.packing, skipTokens: 0, trainOnPrompts: false };
  const sequences = await sequencesIn(options.data, tokenizer, how, model, watch.signal);
  const batch = Math.max(1, Math.round(searchTokens / sequence));
  const sizes = {
    calibration: Math.ceil(calibrationTokens / sequence),
    search: options.kept.length > 0 ? 0 : searchSteps * batch,
    recovery: options.recovery === 'none' ? 0 : Math.ceil(recoveryTokens / sequence),
    test: test === undefined ? Math.ceil(testTokens / sequence) : 0,
  };
  const parts = split(sequences, sizes, options.seed, model.progress);
  if (test === undefined) return { ...parts, batch, windows: parts.test.map(targetsOf) };
  const windows = await testWindows(test, tokenizer, options, watch);
  if (windows.length > 0) return { ...parts, batch, windows };
  throw new CriaError('has no text of two tokens', { where: test, remedy: 'use a longer text' });
}

/** A text of which the tokens from the first target on are predicted. */
function targetsOf({ ids, lossMask }: Example): Predicted {
  const first = lossMask?.findIndex((isTarget, i) => isTarget && i > 0) ?? 1;
  return { ids, from: Math.max(1, first) };
}

/** Texts one after the other in windows; of other rows each by itself, from its first target on. */
async function testWindows(
  path: string,
  tokenizer: Tokenizer,
  { columns, sequence, testTokens }: E3Options,
  watch: Watch,
): Promise<Predicted[]> {
  const { forms, examples } = await readExamples(path, { tokenizer, columns, ...watch });
  if (forms.size === 1 && forms.has('text')) {
    const ids = examples.flatMap((example) => [...example.ids]).slice(0, testTokens);
    return windowsOf(ids, sequence, sequence);
  }
  const windows: Predicted[] = [];
  let tokens = 0;
  for (const example of examples) {
    tokens += example.ids.length;
    if (tokens > testTokens) break;
    const window = targetsOf(example);
    if (window.from < window.ids.length && window.ids.length <= sequence) windows.push(window);
  }
  return windows;
}

const top = 10; // tokens of the teacher that are kept

/** The model's own likeliest tokens on sequences, which teach what is left of it. */
export async function teacherOf(
  model: LoadedModel,
  sequences: readonly Example[],
  watch: Watch,
): Promise<TeacherCache> {
  const forward = await openForward(model, { precision: 'f32' });
  try {
    return await teacherCache(forward, sequences, { top: Math.min(top, model.config.vocabulary), ...watch });
  } finally {
    await forward.dispose();
  }
}
