import { CriaError, type Progress } from '../../base/index.ts';
import type { Value } from '../../engine/index.ts';
import type { Rows } from '../../linalg/index.ts';
import type { Config, Forward } from '../../model/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import { beginningId, wordIds } from './spelling.ts';

/** Hidden states of words: for each layer [words, width], the state of a word's last token behind the layer. */
export interface WordVectors {
  readonly words: readonly string[];
  readonly layers: readonly Rows[];
}

/** What a forward pass has to read for word vectors. */
export function wordPaths({ layers }: Pick<Config, 'layers'>): string[] {
  return Array.from({ length: layers }, (_, layer) => `layers.${layer}.residual.post`);
}

export interface WordReader {
  /** Reads `wordPaths`. */
  readonly forward: Forward;
  readonly config: Config;
  readonly tokenizer: Tokenizer;
  /** The model, for messages. */
  readonly path: string;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

const wordsAtOnce = 32;

/**
 * The tokens of words behind a prefix. @throws CriaError when a word has none, or more than the context takes.
 */
export function wordTexts(
  { tokenizer, path, config }: Pick<WordReader, 'tokenizer' | 'path' | 'config'>,
  words: readonly string[],
  prefix: string,
): number[][] {
  const beginning = beginningId(tokenizer, path);
  return words.map((word) => {
    const ids = textOf(tokenizer, beginning, prefix, word);
    if (ids.length <= config.context) return ids;
    throw new CriaError(`the word ${JSON.stringify(word.slice(0, 40))}… does not fit into the context`, {
      remedy: 'take it out of the task',
    });
  });
}

/**
 * The vectors of words behind a prefix, every layer from one forward pass a word. Without a prefix a word stands as in
 * the middle of a text. @throws CriaError when a word has no tokens or does not fit into the context.
 */
export async function wordVectors(reader: WordReader, words: readonly string[], prefix: string): Promise<WordVectors> {
  const { forward, config, progress, signal } = reader;
  const texts = wordTexts(reader, words, prefix);
  const order = texts.map((_, i) => i).sort((a, b) => textAt(a).length - textAt(b).length);
  const layers = wordPaths(config).map(() => new Float32Array(words.length * config.hiddenSize));
  for (let from = 0; from < order.length; from += wordsAtOnce) {
    const batch = order.slice(from, from + wordsAtOnce);
    const { read } = await forward.run(batch.map(textAt), { signal });
    for (const [layer, name] of wordPaths(config).entries()) {
      const { data, shape } = read[name] as Value<'f32'>;
      const seq = shape[1] as number;
      for (const [row, word] of batch.entries()) {
        const at = (row * seq + textAt(word).length - 1) * config.hiddenSize;
        layers[layer]?.set(data.subarray(at, at + config.hiddenSize), word * config.hiddenSize);
      }
    }
    progress.step('words', from + batch.length, words.length, 'words');
  }
  return { words, layers: layers.map((data) => ({ rows: words.length, columns: config.hiddenSize, data })) };

  function textAt(i: number): number[] {
    return texts[i] as number[];
  }
}

function textOf(tokenizer: Tokenizer, beginning: number, prefix: string, word: string): number[] {
  const trimmed = word.trim();
  const own = wordIds(tokenizer, trimmed);
  if (trimmed === '' || own.length === 0) {
    throw new CriaError(`the word ${JSON.stringify(word)} has no tokens`, { remedy: 'take it out of the task' });
  }
  const whole = `${prefix}${trimmed}`;
  const ids = prefix === '' ? own : tokenizer.encode(whole, { special: false, parseSpecial: false });
  return [beginning, ...ids];
}
