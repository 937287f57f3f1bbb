import { space } from './lexer.ts';
import { characters } from './values.ts';
import { unsupported } from './work.ts';

/** Python's operations on texts: characters are code points, blanks are those of str.isspace. */

const blank = new RegExp(`[${space}]`);
const isBlank = (text: string, at: number): boolean => blank.test(text[at] as string);

/** strip(), lstrip() and rstrip(): of blanks, or of any of some characters. */
export function strip(text: string, set: string | undefined, left: boolean, right: boolean): string {
  const all = set === undefined ? text : characters(text);
  const those = new Set(set);
  const goes = (at: number) => (set === undefined ? isBlank(text, at) : those.has(all[at] as string));
  let [from, to] = [0, all.length];
  if (left) while (from < to && goes(from)) from++;
  if (right) while (to > from && goes(to - 1)) to--;
  return typeof all === 'string' ? all.slice(from, to) : all.slice(from, to).join('');
}

/** split() at blanks; `most` cuts, all when negative. */
export function splitBlanks(text: string, most: number): string[] {
  const words: string[] = [];
  for (let at = 0; ; ) {
    while (at < text.length && isBlank(text, at)) at++;
    if (at === text.length) return words;
    if (words.length === most) return [...words, text.slice(at)];
    const from = at;
    while (at < text.length && !isBlank(text, at)) at++;
    words.push(text.slice(from, at));
  }
}

/** rsplit() at blanks. */
export function splitBlanksFromRight(text: string, most: number): string[] {
  const words: string[] = [];
  for (let at = text.length; ; ) {
    while (at > 0 && isBlank(text, at - 1)) at--;
    if (at === 0) return words.reverse();
    if (words.length === most) return [...words, text.slice(0, at)].reverse();
    const to = at;
    while (at > 0 && !isBlank(text, at - 1)) at--;
    words.push(text.slice(at, to));
  }
}

/** split() and rsplit() at a separator. */
export function splitAt(text: string, separator: string, most: number, fromRight: boolean): string[] {
  const all = text.split(separator);
  if (most < 0 || all.length <= most + 1) return all;
  if (!fromRight) return [...all.slice(0, most), all.slice(most).join(separator)];
  const kept = all.length - most;
  return [all.slice(0, kept).join(separator), ...all.slice(kept)];
}

/** partition() and rpartition(). */
export function partition(text: string, separator: string, fromRight: boolean): [string, string, string] {
  const at = fromRight ? text.lastIndexOf(separator) : text.indexOf(separator);
  if (at < 0) return fromRight ? ['', '', text] : [text, '', ''];
  return [text.slice(0, at), separator, text.slice(at + separator.length)];
}

const lineEnd = '\\n\\r\\v\\f\\x1c-\\x1e\\x85\\u2028\\u2029';

export function splitLines(text: string, keepEnds: boolean): string[] {
  const lines = text.match(new RegExp(`[^${lineEnd}]*(?:\\r\\n|[${lineEnd}]|$)`, 'g')) ?? [];
  if (lines.at(-1) === '') lines.pop();
  const end = new RegExp(`(?:\\r\\n|[${lineEnd}])$`);
  return keepEnds ? lines : lines.map((line) => line.replace(end, ''));
}

/** replace(), of the first `most` places, all when negative. */
export function replaced(text: string, old: string, by: string, most: number): string {
  if (old !== '') return splitAt(text, old, most, false).join(by);
  const all = characters(text);
  const count = most < 0 ? all.length + 1 : most;
  return all.map((each, i) => (i < count ? by + each : each)).join('') + (count > all.length ? by : '');
}

/** Letters whose title case is not the first of their upper case: digraphs, and one that only looks like one letter. */
const titleCase = new Map([
  ...['ǅ', 'ǈ', 'ǋ', 'ǲ'].flatMap((title) =>
    [title, title.toLowerCase(), title.toUpperCase()].map((form) => [form, title] as const),
  ),
  ['ŉ', 'ʼN'] as const,
]);

/** The title case of a character. */
function titled(character: string): string {
  const title = titleCase.get(character);
  if (title !== undefined) return title;
  const [first = '', ...rest] = character.toUpperCase();
  if (rest.includes('Ι')) throw unsupported(`the title case of '${character}'`);
  if (/[\u10d0-\u10ff]/.test(character)) return character; // Georgian: its capitals are not for titles
  return first + rest.join('').toLowerCase();
}

export function capitalized(text: string): string {
  const [first = '', ...rest] = characters(text);
  return titled(first) + (first + rest.join('')).toLowerCase().slice(first.toLowerCase().length);
}

/** title(): a word begins where no cased letter stands before. */
export function titleWords(text: string): string {
  if (text.includes('Σ')) throw unsupported("title() of a text with 'Σ'");
  let inWord = false;
  return characters(text)
    .map((character) => {
      const form = inWord ? character.toLowerCase() : titled(character);
      inWord = /\p{Cased}/u.test(character);
      return form;
    })
    .join('');
}

/** Tests of a text, by the names of Python's methods. */
export const kinds: ReadonlyMap<string, (text: string) => boolean> = new Map([
  ['isalpha', (text) => /^\p{L}+$/u.test(text)],
  ['isalnum', (text) => /^[\p{L}\p{N}]+$/u.test(text)],
  ['isdecimal', (text) => /^\p{Nd}+$/u.test(text)],
  ['isdigit', isDigit],
  ['isnumeric', isNumeric],
  ['isspace', (text) => new RegExp(`^[${space}]+$`).test(text)],
  ['isascii', (text) => /^\p{ASCII}*$/u.test(text)],
  ['islower', (text) => /\p{Lowercase}/u.test(text) && !/[\p{Uppercase}\p{Lt}]/u.test(text)],
  ['isupper', (text) => /\p{Uppercase}/u.test(text) && !/[\p{Lowercase}\p{Lt}]/u.test(text)],
  ['isidentifier', (text) => /^[\p{ID_Start}_]\p{ID_Continue}*$/u.test(text)],
  ['isprintable', (text) => !/[\p{C}\p{Z}]/u.test(text.replaceAll(' ', ''))],
  ['istitle', isTitle],
]);

export function isDigit(text: string): boolean {
  if (/^\p{Nd}+$/u.test(text)) return true;
  if (/^[\p{Nd}\p{No}]+$/u.test(text)) throw unsupported('isdigit() of superscripts and the like');
  return false;
}

function isNumeric(text: string): boolean {
  if (/^\p{N}+$/u.test(text)) return true;
  if (/^[\p{N}\p{Script=Han}]+$/u.test(text)) throw unsupported('isnumeric() of Han characters');
  return false;
}

function isTitle(text: string): boolean {
  let inWord = false;
  let any = false;
  for (const character of text) {
    const isUpper = /[\p{Uppercase}\p{Lt}]/u.test(character);
    if (isUpper ? inWord : !inWord && /\p{Lowercase}/u.test(character)) return false;
    inWord = isUpper || /\p{Lowercase}/u.test(character);
    any ||= inWord;
  }
  return any;
}

/** center(), ljust() and rjust(). */
export function padded(text: string, width: number, fill: string, side: 'center' | 'left' | 'right'): string {
  const room = Math.max(0, width - characters(text).length);
  const half = Math.floor(room / 2) + (room % 2 === 1 && width % 2 === 1 ? 1 : 0);
  const before = side === 'left' ? 0 : side === 'right' ? room : half;
  return fill.repeat(before) + text + fill.repeat(room - before);
}
