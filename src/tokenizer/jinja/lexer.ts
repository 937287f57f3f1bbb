import { TemplateError } from './work.ts';

/** A piece of a template: text, a delimiter, or what stands between delimiters. */
export type Token =
  | { readonly kind: 'data' | 'name' | 'string' | 'operator'; readonly text: string }
  | { readonly kind: 'integer'; readonly text: string; readonly value: bigint }
  | { readonly kind: 'float'; readonly text: string; readonly value: number }
  | { readonly kind: Delimiter | 'end'; readonly text: string };

type Delimiter = 'variable-begin' | 'variable-end' | 'block-begin' | 'block-end';

/** Python's str.isspace, which is also `\s` of its patterns. */
export const space = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';

const rawBegin = new RegExp(`\\{%([-+]?)[${space}]*raw[${space}]*(?:-%\\}[${space}]*|%\\})`, 'y');
const rawEnd = new RegExp(`\\{%([-+]?)[${space}]*endraw[${space}]*(?:\\+%\\}|-%\\}[${space}]*|%\\}\\n?)`, 'g');
const begin = /\{[{%#]/g;
const commentEnd = new RegExp(`\\+#\\}|-#\\}[${space}]*|#\\}\\n?`, 'g');
const blockEnd = new RegExp(`\\+%\\}|-%\\}[${space}]*|%\\}\\n?`, 'y');
const variableEnd = new RegExp(`-\\}\\}[${space}]*|\\}\\}`, 'y');

const blank = new RegExp(`[${space}]+`, 'y');
const float = /(?<!\.)(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/iy;
const integer = /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy;
const name = /[\p{ID_Start}_\p{ID_Continue}]+/uy;
const quoted = /'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*"/sy;
const operator = /\/\/|\*\*|==|!=|>=|<=|[-+/*%~[\](){}><=.:|,;]/y;

const leadingSpace = new RegExp(`[${space}]+$`);
const onlySpace = new RegExp(`^[${space}]+$`);
const longestInteger = 4300; // digits, as in Python

/**
 * The tokens of a template under trim_blocks and lstrip_blocks: a block takes the indent before it and the line end
 * behind it. @throws TemplateError where the text is no template.
 */
export function tokensOf(template: string): Token[] {
  const source = template.replace(/\r\n?/g, '\n').replace(/\n$/, '');
  const tokens: Token[] = [];
  let at = 0;
  let lineStarts = true;
  const addData = (text: string, sign: string | undefined, isBlock: boolean) => {
    const kept = sign === '-' ? text.replace(leadingSpace, '') : sign !== '+' && isBlock ? unindented(text) : text;
    if (kept !== '') tokens.push({ kind: 'data', text: kept });
  };
  /** Text before a block without the blanks on the block's line, when nothing else is on it. */
  const unindented = (text: string) => {
    const line = text.lastIndexOf('\n') + 1;
    return (line > 0 || lineStarts) && onlySpace.test(text.slice(line)) ? text.slice(0, line) : text;
  };
  const passed = (end: number) => {
    lineStarts = source[end - 1] === '\n';
    at = end;
  };

  while (at < source.length) {
    begin.lastIndex = at;
    const found = begin.exec(source);
    if (!found) {
      tokens.push({ kind: 'data', text: source.slice(at) });
      break;
    }
    const text = source.slice(at, found.index);
    const raw = matchAt(rawBegin, source, found.index);
    const inside = found.index + 2;
    const next = source[inside];
    const sign = raw ? raw[1] : next === '-' || next === '+' ? next : undefined;
    addData(text, sign, found[0] !== '{{');
    const start = inside + (sign ? 1 : 0);
    if (raw) {
      passed(found.index + raw[0].length);
      const end = search(rawEnd, source, at, 'a raw block is not closed');
      addData(source.slice(at, end.index), end[1], true);
      passed(end.index + end[0].length);
    } else if (found[0] === '{#') {
      const end = search(commentEnd, source, start, 'a comment is not closed');
      passed(end.index + end[0].length);
    } else {
      const isBlock = found[0] === '{%';
      tokens.push({ kind: isBlock ? 'block-begin' : 'variable-begin', text: found[0] });
      passed(inner(source, start, isBlock, tokens));
    }
  }
  tokens.push({ kind: 'end', text: 'the end of the template' });
  return tokens;
}

/** Reads what stands between delimiters; returns where it ends. */
function inner(source: string, from: number, isBlock: boolean, tokens: Token[]): number {
  const open: string[] = [];
  const closing = isBlock ? blockEnd : variableEnd;
  let at = from;
  while (at < source.length) {
    const end = open.length === 0 ? matchAt(closing, source, at) : undefined;
    if (end) {
      tokens.push({ kind: isBlock ? 'block-end' : 'variable-end', text: end[0].trim() });
      return at + end[0].length;
    }
    const space = matchAt(blank, source, at);
    if (space) {
      at += space[0].length;
      continue;
    }
    const token = tokenAt(source, at);
    if (token.kind === 'operator') balance(token.text, open);
    tokens.push(token);
    at += token.kind === 'string' ? quotedAt(source, at).length : token.text.length;
  }
  tokens.push({ kind: 'end', text: 'the end of the template' });
  return at;
}

function tokenAt(source: string, at: number): Token {
  const real = matchAt(float, source, at)?.[0];
  if (real) return { kind: 'float', text: real, value: Number(real.replaceAll('_', '')) };
  const whole = matchAt(integer, source, at)?.[0];
  if (whole) {
    if (whole.length > longestInteger) throw new TemplateError('a number has too many digits');
    return { kind: 'integer', text: whole, value: BigInt(whole.replaceAll('_', '').toLowerCase()) };
  }
  const word = matchAt(name, source, at)?.[0];
  if (word) {
    if (!/^[\p{ID_Start}_]/u.test(word)) throw new TemplateError(`'${word}' is no name`);
    return { kind: 'name', text: word };
  }
  const text = matchAt(quoted, source, at)?.[0];
  if (text) return { kind: 'string', text: unescaped(text.slice(1, -1)) };
  const symbol = matchAt(operator, source, at)?.[0];
  if (symbol) return { kind: 'operator', text: symbol };
  throw new TemplateError(
    `the character ${JSON.stringify(String.fromCodePoint(source.codePointAt(at) ?? 0))} is unexpected`,
  );
}

const quotedAt = (source: string, at: number): string => matchAt(quoted, source, at)?.[0] ?? '';

const closers: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

function balance(symbol: string, open: string[]): void {
  const closer = closers[symbol];
  if (closer) open.push(closer);
  else if (symbol === ')' || symbol === ']' || symbol === '}') {
    if (open.pop() !== symbol) throw new TemplateError(`'${symbol}' is unexpected`);
  }
}

const escapes: Readonly<Record<string, string>> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  '\n': '',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** A string literal's text. As in Jinja, a backslash before a letter beyond ASCII makes that letter's escape text. */
function unescaped(text: string): string {
  const ascii = Array.from(text, (character) => {
    const code = character.codePointAt(0) as number;
    if (code < 0x80) return character;
    const [letter, digits] = code < 0x100 ? ['x', 2] : code < 0x10000 ? ['u', 4] : ['U', 8];
    return `\\${letter}${code.toString(16).padStart(digits as number, '0')}`;
  }).join('');
  return ascii.replace(
    /\\(?:([0-7]{1,3})|x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|(.))/gs,
    (whole, octal, two, four, eight, other) => {
      if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
      const digits = two ?? four ?? eight;
      if (digits !== undefined) {
        const code = Number.parseInt(digits, 16);
        if (code > 0x10ffff) throw new TemplateError(`'${whole}' is no character`);
        return String.fromCodePoint(code);
      }
      if ('xuUN'.includes(other)) throw new TemplateError(`the escape '${whole}' is not complete`);
      return escapes[other] ?? whole;
    },
  );
}

function matchAt(pattern: RegExp, source: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(source) ?? undefined;
}

function search(pattern: RegExp, source: string, from: number, otherwise: string): RegExpExecArray {
  const found = matchAt(pattern, source, from);
  if (!found) throw new TemplateError(otherwise);
  return found;
}
