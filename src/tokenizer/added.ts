import { CriaError } from '../base/index.ts';
import type { AddedToken } from './definition.ts';
import { escapePattern } from './pattern.ts';

/** A text cut where added tokens stand: texts between them, and their ids. */
type Sections = (text: string) => (string | number)[];

/**
 * Finds added tokens, from left to right, at every place the longest. `spelling` is how a token stands in the text
 * that will be searched (a normalized token is normalized too).
 * @throws CriaError when there are too many to search for.
 */
export function finder(tokens: readonly AddedToken[], spelling: (content: string) => string, where: string): Sections {
  const bySpelling = new Map<string, AddedToken>();
  for (const token of tokens) {
    const spelled = spelling(token.content);
    if (spelled !== '' && !bySpelling.has(spelled)) bySpelling.set(spelled, token);
  }
  if (bySpelling.size === 0) return (text) => (text === '' ? [] : [text]);
  const pattern = anyOf([...bySpelling.keys()], where);
  return (text) => {
    const sections: (string | number)[] = [];
    let end = 0;
    for (const found of text.matchAll(pattern)) {
      const token = bySpelling.get(found[0]) as AddedToken;
      const [from, to] = extent(text, found.index, found.index + found[0].length, end, token);
      if (found.index < end || (token.singleWord && touchesWord(text, from, to))) continue;
      if (from > end) sections.push(text.slice(end, from));
      sections.push(token.id);
      end = to;
    }
    if (end < text.length) sections.push(text.slice(end));
    return sections;
  };
}

function anyOf(texts: string[], where: string): RegExp {
  const longestFirst = texts.sort((a, b) => b.length - a.length);
  try {
    return new RegExp(longestFirst.map(escapePattern).join('|'), 'g');
  } catch (cause) {
    throw new CriaError(`the ${texts.length} added tokens are too many to search for`, { where, cause });
  }
}

/** A match with the whitespace that belongs to it, not reaching before `floor`. */
function extent(text: string, from: number, to: number, floor: number, token: AddedToken): [number, number] {
  if (token.leftStrip) while (from > floor && isSpace(text[from - 1])) from--;
  if (token.rightStrip) while (to < text.length && isSpace(text[to])) to++;
  return [from, to];
}

function touchesWord(text: string, from: number, to: number): boolean {
  return (
    /[\p{L}\p{M}\p{N}_]$/u.test(text.slice(Math.max(0, from - 2), from)) ||
    /^[\p{L}\p{M}\p{N}_]/u.test(text.slice(to, to + 2))
  );
}

function isSpace(character: string | undefined): boolean {
  return character !== undefined && /\p{White_Space}/u.test(character);
}
