import { floatText } from './numbers.ts';
import {
  Callable,
  Dict,
  Instance,
  iterate,
  listOf,
  Markup,
  Once,
  Range,
  Tuple,
  textOf,
  typeOf,
  Undefined,
  type Value,
  View,
} from './values.ts';
import { TemplateError, unsupported, type Work } from './work.ts';

/** str(): how a value prints. @throws TemplateError for what prints an address in Python. */
export function print(value: Value, work: Work): string {
  const text = textOf(value);
  if (text !== undefined) return text;
  return value instanceof Undefined ? '' : repr(value, work);
}

/** repr(): how a value prints within a list. */
export function repr(value: Value, work: Work): string {
  if (value === null) return 'None';
  switch (typeof value) {
    case 'boolean':
      return value ? 'True' : 'False';
    case 'bigint':
      return String(value);
    case 'number':
      return floatText(value);
    case 'string':
      return quoted(value, work);
  }
  return work.deeper(() => objectText(value, work));
}

function objectText(value: Exclude<Value, null | boolean | bigint | number | string>, work: Work): string {
  const joined = (items: readonly Value[]) => {
    const text = items.map((item) => repr(item, work)).join(', ');
    work.spend(text.length);
    return text;
  };
  if (Array.isArray(value)) return `[${joined(value)}]`;
  if (value instanceof Tuple) return `(${joined(value.items)}${value.items.length === 1 ? ',' : ''})`;
  if (value instanceof Dict) {
    const text = [...value].map(([key, item]) => `${repr(key, work)}: ${repr(item, work)}`).join(', ');
    work.spend(text.length);
    return `{${text}}`;
  }
  if (value instanceof View) return `${value.type}([${joined(listOf(value, work))}])`;
  if (value instanceof Range) {
    return `range(${value.start}, ${value.stop}${value.step === 1n ? '' : `, ${value.step}`})`;
  }
  if (value instanceof Undefined) return 'Undefined';
  if (value instanceof Markup) return `Markup(${quoted(value.text, work)})`;
  if (value instanceof Instance) return value.toText(work);
  if (value instanceof Callable && value.type === 'Macro')
    return `<Macro ${value.name ? quoted(value.name, work) : 'anonymous'}>`;
  throw unsupported(`printing a ${typeOf(value)}${value instanceof Once ? ' (make a list of it: |list)' : ''}`);
}

/** The mark is not escaped: it stands for nothing, and is taken out of the text again (see added.ts). */
const unprintable = /[\p{C}\p{Z}]/u;
const quotes = /['\\\p{C}\p{Z}]/u;
const mark = '\ufdd0';

function quoted(text: string, work: Work): string {
  work.spend(text.length);
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  if (!quotes.test(text)) return quote + text + quote;
  const escaped = Array.from(text, (character) => {
    if (character === quote || character === '\\') return `\\${character}`;
    if (character === ' ' || character === mark || !unprintable.test(character)) return character;
    const short = ({ '\n': '\\n', '\r': '\\r', '\t': '\\t' } as const)[character];
    return short ?? hexEscape(character.codePointAt(0) as number);
  });
  return quote + escaped.join('') + quote;
}

function hexEscape(code: number): string {
  const [letter, digits] = code < 0x100 ? ['x', 2] : code < 0x10000 ? ['u', 4] : ['U', 8];
  return `\\${letter}${code.toString(16).padStart(digits as number, '0')}`;
}

export interface JsonStyle {
  readonly ascii: boolean;
  /** What a level is indented by; undefined for all on one line. */
  readonly indent: string | undefined;
  readonly separators: readonly [item: string, key: string];
  readonly sorted: (entries: (readonly [Value, Value])[]) => (readonly [Value, Value])[];
}

/** json.dumps(). @throws TemplateError for what JSON has not. */
export function json(value: Value, style: JsonStyle, work: Work, level = 0): string {
  const [between, colon] = style.separators;
  const wrapped = (open: string, items: readonly string[], close: string) => {
    if (items.length === 0) return open + close;
    const line = (depth: number) => (style.indent === undefined ? '' : `\n${style.indent.repeat(depth)}`);
    const text = open + line(level + 1) + items.join(between + line(level + 1)) + line(level) + close;
    work.spend(text.length);
    return text;
  };
  if (value === null) return 'null';
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return jsonFloat(value);
  const text = textOf(value);
  if (text !== undefined) return jsonString(text, style.ascii, work);
  return work.deeper(() => {
    if (Array.isArray(value) || value instanceof Tuple) {
      const items = Array.isArray(value) ? value : value.items;
      return wrapped(
        '[',
        items.map((item) => json(item, style, work, level + 1)),
        ']',
      );
    }
    if (value instanceof Dict) {
      const items = style.sorted([...value]).map(([key, item]) => {
        const name = jsonString(jsonKey(key), style.ascii, work);
        return name + colon + json(item, style, work, level + 1);
      });
      return wrapped('{', items, '}');
    }
    throw new TemplateError(`Object of type ${typeOf(value)} is not JSON serializable`);
  });
}

function jsonFloat(value: number): string {
  return Number.isFinite(value) ? floatText(value) : Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}

function jsonKey(key: Value): string {
  const text = textOf(key);
  if (text !== undefined) return text;
  if (key === null) return 'null';
  if (typeof key === 'number') return jsonFloat(key);
  if (typeof key === 'boolean' || typeof key === 'bigint') return String(key);
  throw new TemplateError(`keys must be str, int, float, bool or None, not ${typeOf(key)}`);
}

const jsonEscapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\f': '\\f',
  '\b': '\\b',
};

function jsonString(text: string, ascii: boolean, work: Work): string {
  work.spend(text.length);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what JSON escapes
  const special = ascii ? /["\\]|[^ -~]/g : /["\\\x00-\x1f]/g;
  const escaped = text.replace(special, (unit) => {
    if (unit === mark) return unit;
    return jsonEscapes[unit] ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return `"${escaped}"`;
}

/** Joins the texts of an iterable. */
export function joined(value: Value, separator: string, work: Work, item: (value: Value) => string): string {
  const values = iterate(value, work);
  const texts: string[] = [];
  for (let next = values.next(); !next.done; next = values.next()) {
    const text = item(next.value);
    work.spend(text.length + separator.length + 1);
    texts.push(text);
  }
  return texts.join(separator);
}
