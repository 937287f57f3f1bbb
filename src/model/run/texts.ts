import { CriaError } from '../../base/index.ts';
import { integers, type Values } from '../../engine/index.ts';
import type { Config } from '../architecture/config.ts';
import type { LoadedModel } from './open.ts';
import { rotations } from './rope-feeds.ts';

/** Texts as ids. */
export type Texts = readonly (readonly number[])[];

/**
 * What a graph over whole texts reads besides weights: ids padded on the right with 0 (no real position sees them),
 * positions behind `before` others, rotation.
 */
export function textFeeds(config: Config, before = 0): (texts: Texts) => { feeds: Values; seq: number } {
  const rotation = rotations(config);
  return (texts) => {
    const lengths = texts.map((ids) => before + ids.length);
    const seq = Math.max(...lengths) - before;
    const padded = texts.flatMap((ids) => [...ids, ...Array<number>(seq - ids.length).fill(0)]);
    const positions = texts.map(() => Array.from({ length: seq }, (_, i) => before + i));
    return { seq, feeds: { ids: integers(padded, [texts.length, seq]), ...rotation(positions, lengths) } };
  };
}

/**
 * Checks texts that follow `before` positions.
 * @throws CriaError when a text is empty or longer than the context, or an id is not in the vocabulary.
 */
export function checkTexts(texts: Texts, { config, path, adaptation }: LoadedModel, before = 0): void {
  const { vocabulary, context } = config;
  const known = vocabulary + adaptation.promptTokens - adaptation.leading;
  if (texts.length === 0) throw new CriaError('the list of texts is empty', { where: path });
  for (const [i, ids] of texts.entries()) {
    if (ids.length === 0) throw new CriaError(`text ${i} has no tokens`, { where: path });
    if (before + ids.length > context) {
      const what = `${before + ids.length} tokens do not fit in the context of ${context}`;
      throw new CriaError(what, { where: path, remedy: 'shorten the text' });
    }
    const wrong = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= known);
    if (wrong !== undefined) {
      throw new CriaError(`the id ${wrong} is not in the vocabulary of ${vocabulary}`, { where: path });
    }
  }
}
