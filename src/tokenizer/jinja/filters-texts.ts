import { type Builtin, builtin } from './builtin.ts';
import { space } from './lexer.ts';
import { escaped } from './operators.ts';
import { print } from './print.ts';
import { printf } from './printf.ts';
import { asCount, asFlag, asText } from './signature.ts';
import * as strings from './strings.ts';
import { characters, Dict, iterate, Markup, Tuple, textOf, type Value } from './values.ts';
import { TemplateError, unsupported, type Work } from './work.ts';

/** A filter of the text that a value prints as. */
function ofText(
  list: string,
  apply: (text: string, work: Work, ...rest: readonly (Value | undefined)[]) => Value,
): Builtin {
  return builtin(`value ${list}`, (env, value, ...rest) => {
    if (value instanceof Markup) throw unsupported('this filter of escaped text');
    const text = print(value, env.work);
    env.work.spend(text.length);
    return apply(text, env.work, ...rest);
  });
}

const escaping = builtin('value', ({ work }, value) => escaped(value, work));

/** Filters that make text of text. */
export const textFilters: readonly (readonly [string, Builtin])[] = [
  ['upper', ofText('', (text) => text.toUpperCase())],
  ['lower', ofText('', (text) => text.toLowerCase())],
  ['capitalize', ofText('', strings.capitalized)],
  ['title', ofText('', titled)],
  [
    'trim',
    ofText('chars=', (text, _, set) =>
      strings.strip(text, (set ?? null) === null ? undefined : asText(set, 'trim'), true, true),
    ),
  ],
  [
    'center',
    ofText('width=', (text, work, width) => {
      const size = asCount(width, 80, 'center');
      work.spend(Math.max(0, size));
      return strings.padded(text, size, ' ', 'center');
    }),
  ],
  ['string', builtin('value', ({ work }, value) => (value instanceof Markup ? value : print(value, work)))],
  [
    'replace',
    builtin('value old new count=', ({ work }, value, old, by, count) => {
      const [text, found, instead] = [value, old as Value, by as Value].map((each) => print(each, work)) as [
        string,
        string,
        string,
      ];
      const places = Math.floor(text.length / Math.max(1, found.length)) + 1;
      work.spend(text.length * Math.max(1, found.length / 256) + places * Math.max(0, instead.length - found.length));
      return strings.replaced(text, found, instead, (count ?? null) === null ? -1 : asCount(count, -1, 'replace'));
    }),
  ],
  ['format', formatting],
  [
    'indent',
    builtin('text width= first= blank=', ({ work }, value, width, first, blank) =>
      indented(value, width, asFlag(first), asFlag(blank), work),
    ),
  ],
  [
    'truncate',
    builtin('text length= killwords= end= leeway=', ({ work }, value, length, killwords, end, leeway) => {
      const text = asText(value, 'truncate');
      if (value instanceof Markup) throw unsupported('this filter of escaped text');
      const [most, more] = [asCount(length, 255, 'truncate'), leeway === null ? 5 : asCount(leeway, 5, 'truncate')];
      const ending = end === undefined ? '...' : asText(end, 'truncate');
      const all = characters(text);
      const room = most - characters(ending).length;
      if (room < 0) throw new TemplateError(`expected length >= ${most - room}, got ${most}`);
      if (more < 0) throw new TemplateError(`expected leeway >= 0, got ${more}`);
      work.spend(text.length);
      if (all.length <= most + more) return text;
      const kept = all.slice(0, room).join('');
      return (asFlag(killwords) ? kept : (strings.splitAt(kept, ' ', 1, true)[0] as string)) + ending;
    }),
  ],
  ['wordcount', ofText('', (text) => BigInt(text.match(/[\p{L}\p{N}_]+/gu)?.length ?? 0))],
  ['urlencode', builtin('value', ({ work }, value) => urlEncoded(value, work))],
  ['escape', escaping],
  ['e', escaping],
  ['forceescape', builtin('value', ({ work }, value) => escaped(print(value, work), work))],
  ['safe', builtin('value', ({ work }, value) => (value instanceof Markup ? value : new Markup(print(value, work))))],
];

/** Words begin behind blanks, '-' and opening brackets. */
function titled(text: string): string {
  return text
    .split(new RegExp(`([-${space}({[<]+)`))
    .map((word) => {
      const [first = '', ...rest] = characters(word);
      return first.toUpperCase() + rest.join('').toLowerCase();
    })
    .join('');
}

function indented(value: Value, width: Value | undefined, first: boolean, blank: boolean, work: Work): string {
  const text = asText(value, 'indent');
  if (value instanceof Markup) throw unsupported('this filter of escaped text');
  const own = width === undefined ? undefined : textOf(width);
  const size = own === undefined ? asCount(width, 4, 'indent') : 0;
  work.spend(Math.max(0, size));
  const indent = own ?? ' '.repeat(Math.max(0, size));
  const lines = strings.splitLines(`${text}\n`, false);
  work.spend(text.length + lines.length * indent.length);
  const rest = lines.slice(1).map((line) => (line !== '' || blank ? indent + line : line));
  return (first ? indent : '') + [lines[0] ?? '', ...rest].join('\n');
}

function formatting(
  { positional: [value, ...rest], named }: Parameters<Builtin>[0],
  { work }: Parameters<Builtin>[1],
): Value {
  if (value === undefined) throw new TemplateError('format lacks its text');
  if (named.size === 0) return printf(print(value, work), new Tuple(rest), work);
  if (rest.length > 0) throw new TemplateError("can't handle positional and keyword arguments at the same time");
  const dict = new Dict();
  for (const [name, each] of named) dict.set(name, each);
  return printf(print(value, work), dict, work);
}

function urlEncoded(value: Value, work: Work): string {
  const quote = (each: Value, inQuery: boolean) => {
    const text = print(each, work).replace(/\p{Surrogate}/gu, () => {
      throw unsupported("the filter 'urlencode' of half a character");
    });
    work.spend(text.length);
    const encoded = encodeURIComponent(text).replace(
      /[!'()*]/g,
      (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
    );
    return inQuery ? encoded.replaceAll('%20', '+') : encoded.replaceAll('%2F', '/');
  };
  const isIterable = typeof value === 'object' && value !== null;
  if (!isIterable || textOf(value) !== undefined) return quote(value, false);
  const pairs = value instanceof Dict ? [...value].map((pair) => new Tuple(pair)) : iterated(value, work);
  return pairs
    .map((pair) => {
      const [key, item, more] = pair instanceof Tuple ? pair.items : Array.isArray(pair) ? pair : [];
      if (key === undefined || item === undefined || more !== undefined)
        throw new TemplateError('urlencode takes pairs');
      return `${quote(key, true)}=${quote(item, true)}`;
    })
    .join('&');
}

function iterated(value: Value, work: Work): Value[] {
  const values = iterate(value, work);
  const items: Value[] = [];
  for (let next = values.next(); !next.done; next = values.next()) items.push(next.value);
  return items;
}
