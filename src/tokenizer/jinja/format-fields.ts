import { attributeOf, itemOf } from './access.ts';
import { formatted } from './formatting.ts';
import { print, repr } from './print.ts';
import type { Arguments, Value } from './values.ts';
import { TemplateError, type Work } from './work.ts';

/** `text.format(…)`: fields as '{}', '{0}', '{name.attribute[item]!r:>8}'. @throws TemplateError when they do not fit. */
export function formatFields(text: string, given: Arguments, work: Work): string {
  const counter = { next: 0, kind: undefined as 'automatic' | 'manual' | undefined };
  return filled(text, given, work, counter, 2);
}

interface Counter {
  next: number;
  kind: 'automatic' | 'manual' | undefined;
}

function filled(text: string, given: Arguments, work: Work, counter: Counter, depth: number): string {
  if (depth === 0) throw new TemplateError('Max string recursion exceeded');
  let result = '';
  for (let at = 0; at < text.length; ) {
    const next = text.slice(at).search(/[{}]/);
    if (next < 0) return result + text.slice(at);
    result += text.slice(at, at + next);
    at += next;
    work.spend(text.length - at + 1);
    if (text[at] === text[at + 1]) {
      result += text[at];
      at += 2;
      continue;
    }
    if (text[at] === '}') throw new TemplateError("Single '}' encountered in format string");
    const end = closing(text, at);
    result += field(text.slice(at + 1, end), given, work, counter, depth);
    at = end + 1;
  }
  return result;
}

/** Where the brace that opens at a place is closed. */
function closing(text: string, from: number): number {
  let open = 0;
  for (let at = from; at < text.length; at++) {
    if (text[at] === '{') open++;
    else if (text[at] === '}' && --open === 0) return at;
  }
  throw new TemplateError("expected '}' before end of string");
}

function field(content: string, given: Arguments, work: Work, counter: Counter, depth: number): string {
  const [, name = '', conversion, , spec = ''] = /^((?:\[[^\]]*\]|[^!:[])*)(?:!([^:]*))?(:(.*))?$/s.exec(content) ?? [];
  const value = fieldValue(name, given, work, counter);
  const inner = spec.includes('{') || spec.includes('}') ? filled(spec, given, work, counter, depth - 1) : spec;
  if (conversion === undefined) return formatted(value, inner, print(value, work), work);
  if (conversion !== 'r' && conversion !== 's') throw new TemplateError(`'!${conversion}' is not supported`);
  const text = conversion === 'r' ? repr(value, work) : print(value, work);
  return formatted(text, inner, text, work);
}

function fieldValue(name: string, given: Arguments, work: Work, counter: Counter): Value {
  const [first = ''] = /^[^.[]*/.exec(name) ?? [];
  const isAutomatic = first === '';
  if (isAutomatic || /^\d+$/.test(first)) {
    const kind = isAutomatic ? 'automatic' : 'manual';
    if (counter.kind && counter.kind !== kind) throw new TemplateError(`cannot switch to ${kind} field specification`);
    counter.kind = kind;
  }
  const index = isAutomatic ? counter.next++ : /^\d+$/.test(first) ? Number(first) : undefined;
  let value = index === undefined ? given.named.get(first) : given.positional[index];
  if (value === undefined) throw new TemplateError(`format() lacks the argument '${index ?? first}'`);
  let rest = name.slice(first.length);
  while (rest !== '') {
    const found = /^(?:\.([^.[]+)|\[([^\]]+)\])/.exec(rest);
    if (!found) throw new TemplateError(`'${name}' is no field of a format`);
    const [whole, attribute, item = ''] = found;
    if (attribute !== undefined) value = attributeOf(value, attribute, work);
    else value = itemOf(value, /^\d+$/.test(item) ? BigInt(item) : item, work);
    rest = rest.slice(whole.length);
  }
  return value;
}
