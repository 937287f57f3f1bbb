import { formatFields } from './format-fields.ts';
import { equals, spendSearch } from './operators.ts';
import { joined } from './print.ts';
import { asCount, asFlag, asText, bound, parameters } from './signature.ts';
import * as strings from './strings.ts';
import {
  type Arguments,
  Callable,
  characters,
  Dict,
  either,
  listOf,
  Markup,
  Range,
  Tuple,
  textOf,
  typeOf,
  type Undefined,
  type Value,
  View,
} from './values.ts';
import { TemplateError, unsupported, type Work } from './work.ts';

type Method<Self> = (self: Self, given: Arguments, work: Work) => Value;

/** A method with parameters: `'separator= most='`, or `'/text'` where they have no names. */
function method<Self>(
  list: string,
  apply: (self: Self, values: readonly (Value | undefined)[], work: Work) => Value,
): Method<Self> {
  const signature = parameters(list.replace('/', '/ '));
  return (self, given, work) => apply(self, bound('the method', signature, given), work);
}

const stripping = (left: boolean, right: boolean) =>
  method<string>('/set=', (text, [set], work) => {
    work.spend(text.length);
    return strings.strip(text, set === undefined || set === null ? undefined : asText(set, 'strip'), left, right);
  });

const splitting = (fromRight: boolean) =>
  method<string>('sep= maxsplit=', (text, [sep, maxsplit], work) => {
    const most = asCount(maxsplit, -1, 'split');
    work.spend(text.length);
    if (sep === undefined || sep === null) {
      return fromRight ? strings.splitBlanksFromRight(text, most) : strings.splitBlanks(text, most);
    }
    const separator = searched(text, sep, work);
    if (separator === '') throw new TemplateError('empty separator');
    return strings.splitAt(text, separator, most, fromRight);
  });

const partitioning = (fromRight: boolean) =>
  method<string>('/sep', (text, [sep], work) => {
    const separator = searched(text, sep, work);
    if (separator === '') throw new TemplateError('empty separator');
    return new Tuple(strings.partition(text, separator, fromRight));
  });

/** startswith() and endswith(): of a text, or of any of a tuple. */
const beginning = (atEnd: boolean) =>
  method<string>('/part start= end=', (text, [part, ...bounds], work) => {
    const within = between(text, bounds, work);
    const parts = part instanceof Tuple ? part.items : [part];
    return parts.some((each) => {
      const found = asText(each, atEnd ? 'endswith' : 'startswith');
      if (within === undefined) return false;
      return atEnd ? within.endsWith(found) : within.startsWith(found);
    });
  });

const finding = (fromRight: boolean, must: boolean) =>
  method<string>('/part start= end=', (text, [part, ...bounds], work) => {
    const found = searched(text, part, work);
    const within = between(text, bounds, work);
    const at = within === undefined ? -1 : fromRight ? within.lastIndexOf(found) : within.indexOf(found);
    if (at < 0 && must) throw new TemplateError('substring not found');
    if (at < 0) return -1n;
    return BigInt(characters((within as string).slice(0, at)).length + startOf(text, bounds[0]));
  });

const padding = (side: 'center' | 'left' | 'right') =>
  method<string>('/width fill=', (text, [width, fill], work) => {
    const size = asCount(width, 0, 'the width');
    const filler = fill === undefined ? ' ' : asText(fill, 'the fill character');
    if (characters(filler).length !== 1)
      throw new TemplateError('The fill character must be exactly one character long');
    work.spend(Math.max(0, size) + text.length);
    return strings.padded(text, size, filler, side);
  });

/** The text between bounds that count characters; undefined where the first lies behind its end. */
function between(text: string, bounds: readonly (Value | undefined)[], work: Work): string | undefined {
  work.spend(text.length);
  const [start, end] = bounds;
  if ((start ?? null) === null && (end ?? null) === null) return text;
  const all = characters(text);
  const from = startOf(text, start);
  const stop = asCount(end ?? undefined, all.length, 'the end');
  return from > all.length ? undefined : all.slice(from, stop < 0 ? Math.max(0, stop + all.length) : stop).join('');
}

function startOf(text: string, start: Value | undefined): number {
  const from = asCount(start ?? undefined, 0, 'the start');
  return from < 0 ? Math.max(0, from + characters(text).length) : from;
}

function searched(text: string, part: Value | undefined, work: Work): string {
  const found = asText(part, 'the method');
  spendSearch(text, found, work);
  return found;
}

const ofText: ReadonlyMap<string, Method<string>> = new Map<string, Method<string>>([
  ['strip', stripping(true, true)],
  ['lstrip', stripping(true, false)],
  ['rstrip', stripping(false, true)],
  ['split', splitting(false)],
  ['rsplit', splitting(true)],
  ['partition', partitioning(false)],
  ['rpartition', partitioning(true)],
  ['startswith', beginning(false)],
  ['endswith', beginning(true)],
  ['find', finding(false, false)],
  ['rfind', finding(true, false)],
  ['index', finding(false, true)],
  ['rindex', finding(true, true)],
  ['center', padding('center')],
  ['ljust', padding('left')],
  ['rjust', padding('right')],
  ['lower', method('', (text, _, work) => spent(text.toLowerCase(), work))],
  ['casefold', method('', (text) => casefolded(text))],
  ['upper', method('', (text, _, work) => spent(text.toUpperCase(), work))],
  ['title', method('', (text, _, work) => spent(strings.titleWords(text), work))],
  ['capitalize', method('', (text, _, work) => spent(strings.capitalized(text), work))],
  ['splitlines', method('keepends=', (text, [keep], work) => strings.splitLines(spent(text, work), asFlag(keep)))],
  [
    'replace',
    method('/old new count=', (text, [old, by, count], work) => {
      const found = searched(text, old, work);
      return spent(
        strings.replaced(text, found, charged(asText(by, 'replace'), text, found, work), asCount(count, -1, 'replace')),
        work,
      );
    }),
  ],
  [
    'join',
    method('/items', (text, [items], work) => joined(items as Value, text, work, (item) => asText(item, 'join'))),
  ],
  ['removeprefix', method('/part', (text, [part]) => without(text, asText(part, 'removeprefix'), false))],
  ['removesuffix', method('/part', (text, [part]) => without(text, asText(part, 'removesuffix'), true))],
  [
    'count',
    method('/part start= end=', (text, [part, ...bounds], work) => {
      const found = searched(text, part, work);
      const within = between(text, bounds, work);
      if (within === undefined) return 0n;
      return BigInt(found === '' ? characters(within).length + 1 : within.split(found).length - 1);
    }),
  ],
  [
    'zfill',
    method('/width', (text, [width], work) => {
      const size = asCount(width, 0, 'zfill');
      work.spend(Math.max(0, size));
      const sign = /^[-+]/.exec(text)?.[0] ?? '';
      return sign + strings.padded(text.slice(sign.length), size - sign.length, '0', 'right');
    }),
  ],
  ['format', (text, given, work) => formatFields(text, given, work)],
  [
    'format_map',
    method('/names', (text, [names], work) => {
      if (!(names instanceof Dict)) throw unsupported('format_map() of anything but a dict');
      const named = new Map([...names].map(([key, value]) => [textOf(key) ?? '', value] as const));
      return formatFields(text, { positional: [], named }, work);
    }),
  ],
  ...[...strings.kinds].map(
    ([name, test]) => [name, method<string>('', (text, _, work) => test(spent(text, work)))] as const,
  ),
]);

function spent(text: string, work: Work): string {
  work.spend(text.length);
  return text;
}

/** A replacement, when the whole result is not too long. */
function charged(by: string, text: string, old: string, work: Work): string {
  if (by.length > 0)
    work.spend((Math.floor(text.length / Math.max(1, old.length)) + 1) * Math.max(0, by.length - old.length));
  return by;
}

function casefolded(text: string): string {
  if (/^\p{ASCII}*$/u.test(text)) return text.toLowerCase();
  throw unsupported('casefold() of letters beyond ASCII');
}

function without(text: string, part: string, atEnd: boolean): string {
  if (part === '') return text;
  if (atEnd) return text.endsWith(part) ? text.slice(0, -part.length) : text;
  return text.startsWith(part) ? text.slice(part.length) : text;
}

const counting = method<readonly Value[]>('/item', (items, [item], work) => {
  work.spend(items.length);
  return BigInt(items.filter((each) => equals(each, item as Value, work)).length);
});

const locating = method<readonly Value[]>('/item start= end=', (items, [item, start, end], work) => {
  work.spend(items.length);
  const bounds = [asCount(start, 0, 'index'), asCount(end, items.length, 'index')] as const;
  const [from, to] = bounds.map((at) => (at < 0 ? Math.max(0, at + items.length) : at)) as [number, number];
  const at = items.findIndex((each, i) => i >= from && i < to && equals(each, item as Value, work));
  if (at < 0) throw new TemplateError('the item is not in the list');
  return BigInt(at);
});

const ofList: ReadonlyMap<string, Method<readonly Value[]>> = new Map([
  ['count', counting],
  ['index', locating],
]);

const viewing = (of: View['of']): Method<Dict> => method('', (dict) => new View(of, dict));

const ofDict: ReadonlyMap<string, Method<Dict>> = new Map<string, Method<Dict>>([
  ['get', method('/key default=', (dict, [key, otherwise = null]) => either(dict.get(key as Value), () => otherwise))],
  ['keys', viewing('keys')],
  ['values', viewing('values')],
  ['items', viewing('items')],
  ['copy', method('', (dict) => [...dict].reduce((copy, [key, value]) => copy.set(key, value), new Dict()))],
]);

/** Methods that change an object: there, but not to be called. */
const changing: Readonly<Record<string, readonly string[]>> = {
  list: ['append', 'clear', 'extend', 'insert', 'pop', 'remove', 'reverse', 'sort'],
  dict: ['clear', 'pop', 'popitem', 'setdefault', 'update'],
};

/** A bool is an int in Python. */
const unsupportedOfInt = [
  'as_integer_ratio',
  'bit_count',
  'bit_length',
  'conjugate',
  'denominator',
  'from_bytes',
  'imag',
  'numerator',
  'real',
  'to_bytes',
];

/** Public attributes of Python's types that are not supported here. */
const others: Readonly<Record<string, readonly string[]>> = {
  str: ['encode', 'expandtabs', 'maketrans', 'swapcase', 'translate'],
  Markup: ['encode', 'escape', 'expandtabs', 'maketrans', 'striptags', 'swapcase', 'translate', 'unescape'],
  list: ['copy'],
  dict: ['fromkeys'],
  tuple: [],
  bool: unsupportedOfInt,
  int: unsupportedOfInt,
  float: ['as_integer_ratio', 'conjugate', 'fromhex', 'hex', 'imag', 'is_integer', 'real'],
  dict_keys: ['isdisjoint', 'mapping'],
  dict_values: ['mapping'],
  dict_items: ['isdisjoint', 'mapping'],
  range: ['count', 'index', 'start', 'step', 'stop'],
  generator: ['close', 'gi_code', 'gi_frame', 'gi_running', 'gi_suspended', 'gi_yieldfrom', 'send', 'throw'],
};

/** A method of a value, by name; undefined where Python's type has no such attribute. */
export function methodOf(object: Value, name: string, work: Work, unsafe: () => Undefined): Value | undefined {
  const type = typeOf(object);
  const callable = <Self>(self: Self, found: Method<Self>) =>
    new Callable('builtin_function_or_method', name, (given) => found(self, given, work));
  if (typeof object === 'string') {
    const found = ofText.get(name);
    if (found) return callable(object, found);
  }
  if (object instanceof Markup && ofText.has(name)) throw unsupported(`the method '${name}' of escaped text`);
  if (Array.isArray(object) || object instanceof Tuple) {
    const found = ofList.get(name);
    if (found) return callable(Array.isArray(object) ? object : object.items, found);
    if (name === 'copy' && Array.isArray(object))
      return callable(
        object,
        method('', (list) => listOf([...list], work)),
      );
  }
  if (object instanceof Dict) {
    const found = ofDict.get(name);
    if (found) return callable(object, found);
  }
  if (object instanceof Range) {
    if (name === 'start' || name === 'stop' || name === 'step') return object[name];
  }
  if (changing[type]?.includes(name)) return unsafe();
  if (others[type]?.includes(name)) throw unsupported(`'${name}' of a ${type}`);
  return undefined;
}
