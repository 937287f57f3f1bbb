import { CriaError, type Progress, throwIfAborted } from '../../base/index.ts';
import type { Config, LoadedModel } from '../../model/index.ts';
import { allHeads, type ScoredHead } from './heads.ts';
import { openPatching, type Patched, type PromptPair } from './patching.ts';

/** Concept heads carry the whole word, token heads the next token. */
export const scoreKinds = ['concept', 'token'] as const;
export type ScoreKind = (typeof scoreKinds)[number];

/** How much each head does, with what the whole model does. */
export interface HeadScores {
  readonly heads: readonly ScoredHead[];
  readonly prompts: number;
  /** The mean probability of what is asked for, after clean and corrupted prompts. */
  readonly clean: number;
  readonly corrupted: number;
}

/** Sums over the prompts that are done: what an interrupted run begins with again. */
export interface ScoreSums {
  readonly done: number;
  readonly clean: number;
  readonly corrupted: number;
  /** By head: of P(patched) - P(corrupted), and of its square. */
  readonly effects: readonly number[];
  readonly squares: readonly number[];
}

export interface ScoreOptions {
  readonly begun?: ScoreSums | undefined;
  /** Given the sums after each block of prompts. */
  readonly save?: (sums: ScoreSums) => Promise<void>;
  /** Called when the sums are of no use: the model has no induction. */
  readonly forget?: () => void;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** Below this effect of the whole clean text, what single heads do is noise. */
const leastInduction = 0.05;
const earlyPrompts = 64; // after so many it is looked for the first time

/**
 * The mean over prompts of P(target | one head patched) - P(target | corrupted), by head, with its standard error.
 * (Feucht et al. 2025, The Dual-Route Model of Induction, section 2)
 * @throws CriaError when the clean text does not help the model either: it has no induction.
 */
export async function headScores(
  model: LoadedModel,
  kind: ScoreKind,
  pairs: readonly PromptPair[],
  { begun, save, forget, progress, signal }: ScoreOptions,
): Promise<HeadScores> {
  const { config } = model;
  const count = kind === 'concept' ? 2 : 1; // positions from the patched one to the end
  const patching = openPatching(model, count);
  let sums = begun ?? noSums(config);
  const tell = () => progress.step(`${kind} heads`, sums.done, pairs.length, 'prompts');
  try {
    tell();
    for (const block of blocksOf(pairs, pairsAtOnce(config, count))) {
      if (block.to <= sums.done) continue;
      throwIfAborted(signal);
      sums = added(sums, await patching.run(pairs.slice(block.from, block.to), signal));
      const noise = sums.done >= Math.min(earlyPrompts, pairs.length) ? noiseIn(kind, sums) : undefined;
      if (noise) {
        forget?.();
        throw noise;
      }
      await save?.(sums);
      tell();
    }
  } finally {
    await patching.dispose();
  }
  return meansOf(config, sums);
}

const rowsAtOnce = 8192; // endings of a block of prompts: their activations take some hundred megabytes

function pairsAtOnce({ layers, heads }: Config, count: number): number {
  return Math.max(1, Math.floor(rowsAtOnce / (layers * heads * count)));
}

/** Neighbours of one length in blocks of nearly equal sizes: every size is compiled once. */
function blocksOf(pairs: readonly PromptPair[], most: number): { from: number; to: number }[] {
  const blocks: { from: number; to: number }[] = [];
  for (let from = 0; from < pairs.length; ) {
    const length = pairs[from]?.clean.length;
    const end = pairs.findIndex(({ clean }, i) => i > from && clean.length !== length);
    const to = end < 0 ? pairs.length : end;
    const parts = Math.ceil((to - from) / most);
    const edge = (part: number) => from + Math.round(((to - from) * part) / parts);
    for (let part = 0; part < parts; part++) blocks.push({ from: edge(part), to: edge(part + 1) });
    from = to;
  }
  return blocks;
}

function noSums({ layers, heads }: Config): ScoreSums {
  const zeros = Array<number>(layers * heads).fill(0);
  return { done: 0, clean: 0, corrupted: 0, effects: zeros, squares: zeros };
}

function added(sums: ScoreSums, { clean, corrupted, patched }: Patched): ScoreSums {
  const heads = sums.effects.length;
  const [effects, squares] = [[...sums.effects], [...sums.squares]];
  for (const [i, probability] of patched.entries()) {
    const effect = probability - (corrupted[Math.floor(i / heads)] as number);
    effects[i % heads] = (effects[i % heads] as number) + effect;
    squares[i % heads] = (squares[i % heads] as number) + effect ** 2;
  }
  const total = (start: number, values: Float64Array) => values.reduce((a, b) => a + b, start);
  return {
    done: sums.done + clean.length,
    clean: total(sums.clean, clean),
    corrupted: total(sums.corrupted, corrupted),
    effects,
    squares,
  };
}

function meansOf(config: Config, { done, clean, corrupted, effects, squares }: ScoreSums): HeadScores {
  const heads = allHeads(config).map((head, i): ScoredHead => {
    const score = (effects[i] as number) / done;
    const variance = Math.max(0, (squares[i] as number) / done - score ** 2);
    return { ...head, score, ...(done > 1 && { standardError: Math.sqrt(variance / (done - 1)) }) };
  });
  return { heads, prompts: done, clean: clean / done, corrupted: corrupted / done };
}

/** The error of a model whose heads' effects would be noise. */
function noiseIn(kind: ScoreKind, { done, clean, corrupted }: ScoreSums): CriaError | undefined {
  const effect = (clean - corrupted) / done;
  if (effect >= leastInduction) return undefined;
  const asked = kind === 'concept' ? 'the second token of an entity' : 'the next token';
  const what = `the model has no ${kind} induction: having read the text before raises the probability of ${asked} by ${effect.toFixed(3)}, and heads are told apart from ${leastInduction} on`;
  return new CriaError(what, { remedy: 'use a larger model, or other --entities or --filler' });
}
