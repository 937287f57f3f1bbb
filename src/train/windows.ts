import { CriaError, type Progress } from '../base/index.ts';
import type { Columns } from '../data/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import { readExamples } from './examples.ts';

export interface WindowOptions {
  /** The most windows. */
  readonly samples: number;
  /** Tokens in a window. */
  readonly sequence: number;
  /** Columns of rows under other names. */
  readonly columns?: Columns;
}

/**
 * The first full windows of a data file, in its order: a text is tokenized once without special tokens, the texts of rows
 * follow one another. Fewer than `samples` are noted.
 * @throws CriaError when there is not one full window.
 */
export async function textWindows(
  data: string,
  tokenizer: Tokenizer,
  { samples, sequence, columns }: WindowOptions,
  progress: Progress,
  signal?: AbortSignal,
): Promise<number[][]> {
  const renamed = data.toLowerCase().endsWith('.txt') ? undefined : columns; // a whole text has no columns
  const { examples } = await readExamples(data, {
    tokenizer,
    columns: renamed,
    trainOnPrompts: true,
    progress,
    signal,
  });
  const ids = examples.flatMap((example) => [...example.ids]);
  const count = Math.min(samples, Math.floor(ids.length / sequence));
  if (count === 0) {
    const remedy = 'use more data, or a smaller --sequence';
    throw new CriaError(`has ${ids.length} tokens, fewer than one window of ${sequence}`, { where: data, remedy });
  }
  if (count < samples) progress.note(`${data} has ${count} full windows of ${sequence} tokens, not ${samples}.`);
  return Array.from({ length: count }, (_, i) => ids.slice(i * sequence, (i + 1) * sequence));
}
