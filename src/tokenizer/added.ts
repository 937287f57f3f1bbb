import { CriaError } from '../base/index.ts';
import type { AddedToken } from './definition.ts';
import { escapePattern } from './pattern.ts';

/** A text cut where added tokens stand: texts between them, and their ids. With `marked`, none stands behind a mark. */
type Sections = (text: string, marked: boolean) => (string | number)[];

/**
 * Stands before every character that is no part of an added token, whatever it spells: a noncharacter of Unicode, which
 * no text brings that is meant for others.
 */
export const mark = '\ufdd0';

/**
 * Marks the tokens that a text spells, so that a template may carry it and a finder does not see them.
 * @throws CriaError when there are too many to search for.
 */
export function marker(tokens: readonly AddedToken[], where: string): (text: string) => string {
  const contents = tokens.map(({ content }) => content).filter((content) => content !== '');
  const pattern = contents.length > 0 ? anyOf(contents, where) : undefined;
  return (text) => {
    const unmarked = text.replaceAll(mark, '\ufffd');
    return pattern ? unmarked.replace(pattern, markAll) : unmarked;
  };
}

/** A text with a mark before each of its characters. */
export function markAll(text: string): string {
  return Array.from(text, (character) => mark + character).join('');
}

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
  return (text, marked) => {
    const sections: (string | number)[] = [];
    let end = 0;
    for (const found of text.matchAll(pattern)) {
      if (marked && text[found.index - 1] === mark) continue;
      const token = bySpelling.get(found[0]) as AddedToken;
      const foundEnd = found.index + found[0].length;
      if (found.index < end || (token.singleWord && touchesWord(text, found.index, foundEnd))) continue;
      const [from, to] = extent(text, found.index, foundEnd, end, token);
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
    throw new CriaError(`${texts.length} added tokens are too many`, { where, cause });
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
