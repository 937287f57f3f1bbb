const unsafe = [...codes(0, 31), 34, 92, 127]; // what stands in a JSON string only behind a backslash, and delete
const digits = codes(48, 57);
const letters = [...codes(65, 90), ...codes(97, 122)];
const sets: Readonly<Record<string, readonly number[]>> = {
  d: digits,
  w: [...digits, ...letters, 95],
  s: [...codes(9, 13), 32],
};
const printable = codes(32, 126);
const controls: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13 };

const token =
  /(?<set>\\[dwsDWS])|\\(?<escaped>[^\p{L}\p{N}])|(?<any>\.)|\[(?<not>\^?)(?<members>(?:\\.|[^\]\\])*)\]|(?<group>\((?:\?:|\?<\w+>)?|\)|\|)|(?<count>[*+?]\??|\{\d+(?:,\d*)?\}\??)|(?<literal>[^\\])/uy;

/**
 * A regular expression of JSON Schema as the grammar library needs it: matched as a whole, and of characters that stand in a
 * JSON string as they are, because the library writes them there unescaped and reads anchors within and line breaks
 * otherwise. What matches it matches the original one, but for U+2028 and U+2029 where that has a dot. Undefined when there is none: for anchors within, characters
 * that would have to be escaped, classes of characters beyond ASCII, empty alternatives.
 */
export function plainPattern(pattern: string): string | undefined {
  const body = pattern.replace(/^\^/, '').replace(/(?<!\\)((?:\\\\)*)\$$/, '$1');
  let out = '';
  let before = '|'; // of an empty alternative
  token.lastIndex = 0;
  while (token.lastIndex < body.length) {
    const { groups } = token.exec(body) ?? {};
    if (!groups) return undefined;
    const { set, escaped, any, not, members, group, count, literal } = groups;
    const isEmpty = before === '|' || before.startsWith('(');
    if (isEmpty && (group === '|' || group === ')')) return undefined;
    const part =
      group ??
      count ??
      (set !== undefined
        ? ofSet(set[1] as string)
        : any !== undefined
          ? negated([])
          : members !== undefined
            ? ofClass(not === '^', members)
            : ofLiteral((escaped ?? literal) as string, literal !== undefined));
    if (part === undefined) return undefined;
    out += part;
    before = group ?? 'x';
  }
  if (before === '|' && body !== '') return undefined;
  return `(?:${out})`;
}

function ofLiteral(char: string, isBare: boolean): string | undefined {
  const code = char.codePointAt(0) as number;
  if (isBare && '^$'.includes(char)) return undefined;
  return code > 127 ? char : positive([code]);
}

function ofSet(name: string): string | undefined {
  const members = sets[name.toLowerCase()] as readonly number[];
  if (name === name.toLowerCase()) return positive(members);
  return name === 'S' ? positive(without(members)) : negated(members);
}

function ofClass(isNegated: boolean, members: string): string | undefined {
  const found: number[] = [];
  let hasSpaces = false;
  const one = '\\\\[^]|[^\\\\]';
  for (const [, from = '', to] of members.matchAll(new RegExp(`(${one})(?:-(${one}))?`, 'gu'))) {
    const set = to === undefined && from.length === 2 ? sets[from[1] as string] : undefined;
    if (set === sets.s) hasSpaces = true;
    const [first, last] = [codeOf(from), codeOf(to ?? from)];
    if (set) found.push(...set);
    else if (first === undefined || last === undefined || last < first) return undefined;
    else found.push(...codes(first, last));
  }
  if (!isNegated) return positive(found);
  return hasSpaces ? positive(without(found)) : negated(found);
}

/** The code of a character of a class, in ASCII. */
function codeOf(char: string): number | undefined {
  const code = char.codePointAt(char.length - 1) as number;
  if (char.length === 1) return code < 128 ? code : undefined;
  return controls[char[1] as string] ?? (/[^\p{L}\p{N}]/u.test(char[1] as string) && code < 128 ? code : undefined);
}

const positive = (members: readonly number[]): string | undefined => {
  const safe = members.filter((code) => !unsafe.includes(code));
  return safe.length > 0 ? `[${spelled(safe)}]` : undefined;
};

const negated = (members: readonly number[]): string => `[^${spelled([...members, ...unsafe])}]`;

/** There are spaces beyond ASCII, which the library cannot exclude: what is not a space is ASCII here. */
const without = (members: readonly number[]): number[] => printable.filter((code) => !members.includes(code));

const spelled = (members: readonly number[]) =>
  [...new Set(members)].map((code) => `\\x${code.toString(16).padStart(2, '0')}`).join('');

function codes(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/** A string of some characters in JSON, whose escapes are one each: the library would let control characters stand in it. */
export const ofLength = (least: number, most: number | undefined): string =>
  `(?:${negated([])}|\\\\["\\\\/bfnrt]){${least},${most ?? ''}}`;
