import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CriaError, type Progress } from '../../base/index.ts';
import { readJson } from '../../data/index.ts';
import type { Rows } from '../../linalg/index.ts';
import { type LoadedModel, openForward } from '../../model/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import { openGeometry } from './geometry.ts';
import { allHeads, type Head, topHeads, usualTop } from './heads.ts';
import { readHeads } from './heads-file.ts';
import { settingNames, type TaskResult } from './judge.ts';
import { lensesOf, ofRank, refuseAdapters } from './ov.ts';
import { openReadOut } from './readout.ts';
import type { LensResult } from './result.ts';
import { linesIn } from './sources.ts';
import { wordPaths, wordVectors } from './words.ts';

export interface Applied {
  /** The best first; the words of the expression are candidates too. */
  readonly nearest: readonly { readonly word: string; readonly cosine: number }[];
  /** The tokens that the model's head reads from the result, the likeliest first. */
  readonly reads: readonly string[];
  readonly layer: number;
  readonly prefix: string;
  readonly candidates: number;
}

export interface Expression {
  /** Words with + and - between them. */
  readonly expression: string;
  /** heads.json; the results beside it tell of folded norms, and layer, prefix and candidates where they are not given. */
  readonly heads: string;
  readonly lens: 'concept' | 'token' | 'all' | 'raw';
  readonly candidates?: string;
  readonly prefix?: string;
  readonly layer?: number;
  readonly top?: number;
  readonly nearest: number;
}

/** A word with its sign. */
export interface Term {
  readonly word: string;
  readonly sign: 1 | -1;
}

const usualDepth = 0.6; // of the layers, where meaning was clearest (Feucht, Wallace and Bau 2025)

/**
 * Arithmetic with words through a lens: the words nearest to the sum, and what the head reads from it.
 * @throws CriaError when the expression has no words, there is nothing to choose from, or the model has adapters.
 */
export async function applyLens(
  model: LoadedModel,
  tokenizer: Tokenizer,
  asked: Expression,
  { progress, signal }: { readonly progress: Progress; readonly signal?: AbortSignal },
): Promise<Applied> {
  const { config, path } = model;
  refuseAdapters(model);
  const terms = termsOf(asked.expression);
  const given = terms.map(({ word }) => word);
  const scores = readHeads(asked.heads, config);
  const { tasks = [], foldNorm = false, top, rank } = resultsBeside(asked.heads);
  const task = tasks.find(({ candidates }) => given.every((word) => candidates.includes(word)));
  const others = asked.candidates === undefined ? task?.candidates : await linesIn(asked.candidates);
  if (!others) {
    throw new CriaError('no task beside the heads has all of these words', {
      where: asked.expression,
      remedy: 'pass --candidates with the words to choose from',
    });
  }
  const layer = asked.layer ?? task?.settings[asked.lens].best.layer ?? Math.round(usualDepth * config.layers);
  if (layer >= config.layers) {
    throw new CriaError(`the model has the layers 0 to ${config.layers - 1}, not ${layer}`, { where: '--layer' });
  }
  const prefix = asked.prefix ?? task?.prefix ?? '';
  const words = [...new Set([...given, ...others])];
  const forward = await openForward(model, { read: wordPaths(config), precision: 'f32' });
  const geometry = await openGeometry(model, foldNorm);
  const readOut = await openReadOut(model);
  try {
    const { layers } = await wordVectors({ forward, config, tokenizer, path, progress, signal }, words, prefix);
    const view = asked.lens === 'raw' ? geometry.raw : geometry.through(await lensOf(asked.lens));
    const seen = await view(layers[layer] as Rows);
    const sum = sumOf(
      seen,
      terms.map(({ sign, word }) => [sign, words.indexOf(word)] as const),
    );
    const cosines = words.map((word, i) => ({ word, cosine: cosine(sum, rowOf(seen, i)) }));
    const logits = await readOut.logits({ rows: 1, columns: config.hiddenSize, data: sum });
    return {
      nearest: cosines.sort((a, b) => b.cosine - a.cosine).slice(0, asked.nearest),
      reads: largest(logits, asked.nearest).map((id) => tokenizer.decode([id], { continues: true })),
      layer,
      prefix,
      candidates: words.length,
    };
  } finally {
    await readOut.dispose();
    await geometry.dispose();
    await forward.dispose();
  }

  async function lensOf(kind: 'concept' | 'token' | 'all'): Promise<Rows> {
    const all = allHeads(config);
    if (kind === 'all') return sumOfHeads(all);
    // the lens that was measured, unless another one is asked for
    const sum = await sumOfHeads(topHeads(scores[kind], asked.top ?? top ?? usualTop(all.length)));
    return (await ofRank(sum, rank, model)).matrix;
  }

  async function sumOfHeads(chosen: readonly Head[]): Promise<Rows> {
    const [sum] = await lensesOf(model, [chosen], { foldNorm, signal });
    return sum as Rows;
  }
}

/** `Athens - Greece + China`: signs stand apart from words. @throws CriaError when a word is missing. */
export function termsOf(expression: string): Term[] {
  const [first = '', ...rest] = expression.trim().split(/(?:^|\s+)([+-])(?=\s|$)/);
  const signed = first === '' ? rest : ['+', first, ...rest];
  const terms = signed.flatMap((sign, i): Term[] =>
    i % 2 === 0 ? [{ word: (signed[i + 1] ?? '').trim(), sign: sign === '-' ? -1 : 1 }] : [],
  );
  if (terms.length > 0 && terms.every(({ word }) => word !== '')) return terms;
  throw new CriaError('is not words with + and - between them', {
    where: JSON.stringify(expression),
    remedy: 'write "Athens - Greece + China"',
  });
}

type Results = Partial<Pick<LensResult, 'tasks' | 'foldNorm' | 'top' | 'rank'>>;

/** The results beside heads.json, where they are. @throws CriaError when they are something else. */
function resultsBeside(headsFile: string): Results {
  const file = join(dirname(headsFile), 'results.json');
  if (!existsSync(file)) return {};
  const results = readJson(file) as Results | null;
  const { tasks, top, rank } = results ?? {};
  const isTask = (task: unknown) => {
    const { candidates, settings, prefix } = (task ?? {}) as Partial<TaskResult>;
    const isJudged = settingNames.every((name) => Number.isInteger(settings?.[name]?.best?.layer));
    return Array.isArray(candidates) && typeof prefix === 'string' && isJudged;
  };
  const isCount = (value: unknown) => value === undefined || (Number.isInteger(value) && (value as number) > 0);
  if (results && Array.isArray(tasks) && tasks.every(isTask) && isCount(top) && isCount(rank)) return results;
  throw new CriaError('is no result of cria lens', { where: file, remedy: 'use the heads.json of a whole output' });
}

function rowOf({ columns, data }: Rows, row: number): Float32Array {
  return data.subarray(row * columns, (row + 1) * columns);
}

function sumOf(rows: Rows, terms: readonly (readonly [number, number])[]): Float32Array {
  const sum = new Float32Array(rows.columns);
  for (const [sign, row] of terms) {
    for (const [i, x] of rowOf(rows, row).entries()) sum[i] = (sum[i] as number) + sign * x;
  }
  return sum;
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [inner, aa, bb] = [0, 0, 0];
  for (const [i, x] of a.entries()) {
    const y = b[i] as number;
    inner += x * y;
    aa += x * x;
    bb += y * y;
  }
  return inner / (Math.sqrt(aa * bb) || 1);
}

function largest(values: Float32Array, count: number): number[] {
  return [...values.keys()].sort((a, b) => (values[b] as number) - (values[a] as number)).slice(0, count);
}
