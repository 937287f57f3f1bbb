import { type Progress, permutation, randomFrom } from '../../base/index.ts';
import { tokenAccuracy } from '../../evaluate/index.ts';
import type { Rows } from '../../linalg/index.ts';
import { type LoadedModel, openForward } from '../../model/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import { exampleQuestions } from './ablation.ts';
import { halves, indexed, type LineIndexes } from './analogies.ts';
import type { Geometry, SettingResult, View } from './geometry.ts';
import { openReadOut } from './readout.ts';
import { type Sizes, type Sweeps, sweepsOf } from './sweeps.ts';
import { pairsOf, type Task, wordsOf } from './tasks.ts';
import { type WordVectors, wordPaths, wordVectors } from './words.ts';

/** What word vectors are seen through: nothing, lenses, and what needs no heads. */
export const settingNames = ['raw', 'concept', 'token', 'all', 'centred', 'principal'] as const;
export type SettingName = (typeof settingNames)[number];

/** Lenses, and lenses of heads that no score has chosen. */
export interface Views extends Record<'concept' | 'token' | 'all', View> {
  readonly random: readonly View[];
  readonly layerMatched: readonly View[];
  /** Lenses of other ranks and other numbers of heads. */
  readonly sizes: Sizes<View>;
}

/** Draws of heads that no score has chosen. */
export interface Draws {
  /** Mean and standard deviation of the judged accuracies. */
  readonly mean: number;
  readonly deviation: number;
  readonly accuracies: readonly number[];
}

/** Words in the two directions in which they differ most, before a lens and behind it. */
export interface Picture {
  readonly layer: number;
  readonly pairs: readonly (readonly [string, string])[];
  /** [x, y] of each word of each pair, one after the other. */
  readonly raw: readonly (readonly [number, number])[];
  readonly concept: readonly (readonly [number, number])[];
}

export interface TaskResult {
  readonly name: string;
  readonly prefix: string;
  readonly lines: number;
  readonly candidates: readonly string[];
  /** The accuracy of guessing. */
  readonly chance: number;
  readonly settings: Readonly<Record<SettingName, SettingResult>>;
  /** As many heads as the concept lens has: of any layer, and of its layers. */
  readonly random: Draws;
  readonly layerMatched: Draws;
  /** The share of judged lines of which the model's head reads the wanted word's first token, at the chosen layers. */
  readonly readOut: Readonly<Record<'raw' | 'concept' | 'token' | 'all', number>>;
  /** The share of the pairs that the model completes after five examples. */
  readonly inContext: number;
  /** How many pairs that are: those that are no example themselves. */
  readonly inContextPairs: number;
  /** Lenses of other sizes, where they were asked for. */
  readonly sweeps: Sweeps;
  readonly picture: Picture;
}

const mostRead = 512; // lines of which a head of tens of thousands of words is asked
const picturedPairs = 12;

/** Judges every task under every view. */
export async function judgeTasks(
  model: LoadedModel,
  tokenizer: Tokenizer,
  tasks: readonly Task[],
  geometry: Geometry,
  views: Views,
  options: { readonly candidates?: readonly string[]; readonly rank?: number; readonly seed: number },
  { progress, signal }: { readonly progress: Progress; readonly signal?: AbortSignal },
): Promise<TaskResult[]> {
  const { config, path } = model;
  const states = await openForward(model, { read: wordPaths(config), precision: 'f32' });
  const plain = await openForward(model);
  const readOut = await openReadOut(model);
  const results: TaskResult[] = [];
  try {
    for (const task of tasks) {
      const words = [...new Set([...wordsOf(task.lines), ...(options.candidates ?? [])])];
      const reader = { forward: states, config, tokenizer, path, progress, signal };
      const vectors = await wordVectors(reader, words, task.prefix);
      const split = halves(task, options.seed);
      const lines = {
        whole: indexed(task.lines, words),
        choose: indexed(split.choose, words),
        judge: indexed(split.judge, words),
      };
      const judge = (view: View) => geometry.judge(vectors, lines, view);
      const drawn = async (some: readonly View[]) => {
        const accuracies: number[] = [];
        for (const view of some) accuracies.push((await judge(view)).best.judge.accuracy);
        return drawsOf(accuracies);
      };
      const directions = Math.max(1, Math.min(options.rank ?? words.length >> 1, words.length - 1, config.hiddenSize));
      const principal = geometry.principal(directions);
      const named = { raw: geometry.raw, concept: views.concept, token: views.token, all: views.all };
      const settings = {
        raw: await judge(named.raw),
        concept: await judge(named.concept),
        token: await judge(named.token),
        all: await judge(named.all),
        centred: await judge(geometry.centred),
        principal: await judge(principal),
      };
      const readOrder = permutation(lines.judge.length, randomFrom(options.seed)).subarray(0, mostRead);
      const read = async (name: keyof typeof named) => {
        const seen = await named[name](vectors.layers[settings[name].best.layer] as Rows);
        const some = [...readOrder].map((i) => lines.judge[i] as LineIndexes);
        return readOut.accuracy(
          queriesOf(seen, some),
          some.map(([, , wanted]) => words[wanted] as string),
          tokenizer,
        );
      };
      const questions = exampleQuestions(task, options.seed);
      const shots = await tokenAccuracy({ forward: plain, tokenizer, context: config.context }, questions, { signal });
      results.push({
        name: task.name,
        prefix: task.prefix,
        lines: task.lines.length,
        candidates: words,
        chance: 1 / words.length,
        settings,
        random: await drawn(views.random),
        layerMatched: await drawn(views.layerMatched),
        readOut: {
          raw: await read('raw'),
          concept: await read('concept'),
          token: await read('token'),
          all: await read('all'),
        },
        inContext: shots.accuracy,
        inContextPairs: shots.n,
        sweeps: await sweepsOf(views.sizes, settings, (layer, view) => geometry.judgeAt(layer, vectors, lines, view)),
        picture: await pictureOf(task, vectors, geometry, views.concept, settings.concept.best.layer),
      });
      progress.step('tasks', results.length, tasks.length, 'tasks');
    }
    return results;
  } finally {
    await Promise.all([states.dispose(), plain.dispose(), readOut.dispose()]);
  }
}

/** x_a - x_b + x_d of each line a b c d. */
function queriesOf({ columns, data }: Rows, lines: readonly LineIndexes[]): Rows {
  const queries = new Float32Array(lines.length * columns);
  for (const [row, [a, b, , d]] of lines.entries()) {
    const at = (word: number, i: number) => data[word * columns + i] as number;
    for (let i = 0; i < columns; i++) queries[row * columns + i] = at(a, i) - at(b, i) + at(d, i);
  }
  return { rows: lines.length, columns, data: queries };
}

async function pictureOf(
  { lines }: Task,
  { words, layers }: WordVectors,
  geometry: Geometry,
  concept: View,
  layer: number,
): Promise<Picture> {
  const pairs = pairsOf(lines).slice(0, picturedPairs);
  const { columns, data } = layers[layer] as Rows;
  const chosen = pairs.flat().map((word) => words.indexOf(word));
  const rows = new Float32Array(chosen.length * columns);
  for (const [i, at] of chosen.entries()) rows.set(data.subarray(at * columns, (at + 1) * columns), i * columns);
  const own = { rows: chosen.length, columns, data: rows };
  const flat = async (seen: Rows) => {
    const { data: points } = await geometry.principal(2)(seen);
    return chosen.map((_, i) => [points[2 * i] as number, points[2 * i + 1] as number] as const);
  };
  return { layer, pairs, raw: await flat(own), concept: await flat(await concept(own)) };
}

function drawsOf(accuracies: readonly number[]): Draws {
  const mean = accuracies.reduce((a, b) => a + b, 0) / accuracies.length;
  const squares = accuracies.reduce((sum, each) => sum + (each - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (accuracies.length - 1)), accuracies };
}
