import { itemOf, reversed } from './access.ts';
import { type Builtin, builtin, type Environment } from './builtin.ts';
import { binary, keySet, order } from './operators.ts';
import { joined, print } from './print.ts';
import { asCount, asFlag, asText } from './signature.ts';
import { isDigit } from './strings.ts';
import {
  type Arguments,
  characters,
  Dict,
  either,
  generated,
  isTrue,
  iterate,
  lengthOf,
  listOf,
  Markup,
  Tuple,
  textOf,
  typeOf,
  Undefined,
  type Value,
  View,
} from './values.ts';
import { TemplateError, unsupported } from './work.ts';

const length = builtin('/ value', (_, value) => {
  const size = lengthOf(value);
  if (size === undefined) throw new TemplateError(`object of type '${typeOf(value)}' has no len()`);
  return BigInt(size);
});

/** Filters of what can be iterated. */
export const sequenceFilters: readonly (readonly [string, Builtin])[] = [
  ['length', length],
  ['count', length],
  ['list', builtin('value', ({ work }, value) => listOf(value, work))],
  [
    'first',
    builtin('seq', ({ work }, value) => {
      const next = iterate(value, work).next();
      return next.done ? new Undefined('No first item, sequence was empty.') : next.value;
    }),
  ],
  [
    'last',
    builtin('seq', ({ work }, value) => {
      if (value instanceof View) throw unsupported("the filter 'last' of a view");
      const backwards = reversed(value, work);
      if (!backwards) throw new TemplateError(`'${typeOf(value)}' object is not reversible`);
      const next = backwards.values.next();
      return next.done ? new Undefined('No last item, sequence was empty.') : next.value;
    }),
  ],
  [
    'join',
    builtin('value d= attribute=', (env, value, separator = '', attribute) => {
      const part = getter(env, attribute);
      return joined(value, print(separator, env.work), env.work, (item) => print(part(item), env.work));
    }),
  ],
  [
    'reverse',
    builtin('value', ({ work }, value) => {
      const text = textOf(value);
      if (value instanceof Markup) throw unsupported('this filter of escaped text');
      if (text !== undefined) return [...characters(text)].reverse().join('');
      if (value instanceof View) throw unsupported("the filter 'reverse' of a view");
      return reversed(value, work) ?? listOf(value, work).reverse();
    }),
  ],
  [
    'sort',
    builtin('value reverse= case_sensitive= attribute=', (env, value, reverse, sensitive, attribute) => {
      const keys = keyParts(env, attribute, !asFlag(sensitive));
      return sorted(env, listOf(value, env.work), keys, asFlag(reverse));
    }),
  ],
  [
    'unique',
    builtin('value case_sensitive= attribute=', (env, value, sensitive, attribute) => {
      const key = getter(env, attribute, !asFlag(sensitive));
      return generated(function* () {
        const seen = keySet();
        for (const item of each(value, env)) if (seen.add(key(item))) yield item;
      });
    }),
  ],
  ['min', extreme(1)],
  ['max', extreme(-1)],
  [
    'sum',
    builtin('iterable attribute= start=', (env, value, attribute, start = 0n) => {
      if (textOf(start) !== undefined) throw new TemplateError("sum() can't sum strings");
      const part = getter(env, attribute);
      let total: Value = start;
      for (const item of each(value, env)) total = binary('+', total, part(item), env.work);
      return total;
    }),
  ],
  [
    'dictsort',
    builtin('value case_sensitive= by= reverse=', (env, value, sensitive, by = 'key', reverse) => {
      if (by !== 'key' && by !== 'value') throw new TemplateError('You can only sort by either "key" or "value"');
      if (value instanceof Undefined) value.fail();
      if (!(value instanceof Dict)) throw new TemplateError(`'${typeOf(value)}' object has no attribute 'items'`);
      const items = [...value].map((pair) => new Tuple(pair));
      const key = (item: Value) => folded(!asFlag(sensitive), (item as Tuple).items[by === 'key' ? 0 : 1] as Value);
      return sorted(env, items, key, asFlag(reverse));
    }),
  ],
  [
    'items',
    builtin('value', (_, value) => {
      if (value instanceof Undefined) return generated(function* () {});
      if (!(value instanceof Dict)) {
        return generated(function* (): Generator<Value> {
          yield* [];
          throw new TemplateError('Can only get item pairs from a mapping.');
        });
      }
      return generated(function* () {
        for (const pair of value) yield new Tuple(pair);
      });
    }),
  ],
  [
    'batch',
    builtin('value linecount fill_with=', (env, value, linecount, fill = null) => {
      return generated(function* () {
        let batch: Value[] = [];
        const size = asCount(linecount, 0, 'batch');
        for (const item of each(value, env)) {
          if (batch.length === size) {
            yield batch;
            batch = [];
          }
          batch.push(item);
        }
        if (batch.length === 0) return;
        if (fill !== null) {
          env.work.spend(Math.max(0, size - batch.length));
          while (batch.length < size) batch.push(fill);
        }
        yield batch;
      });
    }),
  ],
  [
    'slice',
    builtin('value slices fill_with=', (env, value, slices, fill = null) => {
      return generated(function* () {
        const items = listOf(value, env.work);
        const count = asCount(slices, 0, 'slice');
        if (count === 0) throw new TemplateError('integer division or modulo by zero');
        const longer = items.length - count * Math.floor(items.length / count);
        let begin = 0;
        for (let i = 0; i < count; i++) {
          env.work.spend(1);
          const end = begin + Math.floor(items.length / count) + (i < longer ? 1 : 0);
          yield fill !== null && i >= longer ? [...items.slice(begin, end), fill] : items.slice(begin, end);
          begin = end;
        }
      });
    }),
  ],
  [
    'groupby',
    builtin('value attribute default= case_sensitive=', (env, value, attribute, otherwise = null, sensitive) => {
      const ignoring = !asFlag(sensitive);
      const key = getter(env, attribute, ignoring, otherwise);
      const name = getter(env, attribute, false, otherwise);
      const groups: { readonly key: Value; readonly items: Value[] }[] = [];
      for (const item of sorted(env, listOf(value, env.work), key, false)) {
        const last = groups.at(-1);
        const itsKey = key(item);
        if (last && order(last.key, itsKey, env.work) === 0) last.items.push(item);
        else groups.push({ key: itsKey, items: [item] });
      }
      return groups.map(({ key: common, items }) => {
        const grouper = ignoring ? name(items[0] as Value) : common;
        return new Tuple([grouper, items], ['grouper', 'list']);
      });
    }),
  ],
  ['map', mapping],
  ['select', selecting(true, false)],
  ['reject', selecting(false, false)],
  ['selectattr', selecting(true, true)],
  ['rejectattr', selecting(false, true)],
];

/** The items of an iterable, one after the other. */
function* each(value: Value, { work }: Environment): Generator<Value> {
  const values = iterate(value, work);
  for (let next = values.next(); !next.done; next = values.next()) {
    work.spend(1);
    yield next.value;
  }
}

function folded(ignoring: boolean, value: Value): Value {
  return ignoring && typeof value === 'string' ? value.toLowerCase() : value;
}

/** Follows `a.0.b` into an item; `otherwise` stands for what is undefined on the way. */
function getter(
  { work }: Environment,
  attribute: Value | undefined,
  ignoring = false,
  otherwise: Value = null,
): (item: Value) => Value {
  const path = pathOf(attribute ?? null);
  return (item) => {
    let value = item;
    for (const part of path) {
      value = itemOf(value, part, work);
      if (otherwise !== null && value instanceof Undefined) value = otherwise;
    }
    return folded(ignoring, value);
  };
}

function pathOf(attribute: Value): Value[] {
  if (attribute === null) return [];
  const text = textOf(attribute);
  return text === undefined ? [attribute] : text.split('.').map((part) => (isDigit(part) ? BigInt(part) : part));
}

/** Several attributes apart by commas: their values in a list. */
function keyParts(env: Environment, attribute: Value | undefined, ignoring: boolean): (item: Value) => Value {
  const names = typeof attribute === 'string' ? attribute.split(',') : [attribute];
  const parts = names.map((name) => getter(env, name, ignoring));
  return (item) => parts.map((part) => part(item));
}

function sorted(env: Environment, items: Value[], key: (item: Value) => Value, reverse: boolean): Value[] {
  const keyed = items.map((item) => ({ item, key: key(item) }));
  const sign = reverse ? -1 : 1;
  keyed.sort((a, b) => sign * order(a.key, b.key, env.work));
  return keyed.map(({ item }) => item);
}

function extreme(sign: number): Builtin {
  return builtin('value case_sensitive= attribute=', (env, value, sensitive, attribute) => {
    const key = getter(env, attribute, !asFlag(sensitive));
    let best: Value | undefined;
    for (const item of each(value, env)) {
      if (best === undefined) {
        best = item;
        key(item);
      } else if (sign * order(key(item), key(best), env.work) < 0) best = item;
    }
    return either(best, () => new Undefined('No aggregated item, sequence was empty.'));
  });
}

/** The arguments behind the value and `skip` others. */
function further({ positional, named }: Arguments, item: Value, skip: number): Arguments {
  return { positional: [item, ...positional.slice(skip)], named };
}

function mapping(given: Arguments, env: Environment): Value {
  const [value] = given.positional as [Value];
  return generated(function* () {
    if (!isTrue(value)) return;
    const apply = mapper(given, env);
    for (const item of each(value, env)) yield apply(item);
  });
}

function mapper(given: Arguments, env: Environment): (item: Value) => Value {
  const { positional, named } = given;
  if (positional.length === 1 && named.has('attribute')) {
    const odd = [...named.keys()].find((name) => name !== 'attribute' && name !== 'default');
    if (odd !== undefined) throw new TemplateError(`Unexpected keyword argument '${odd}'`);
    return getter(env, named.get('attribute'), false, named.get('default') ?? null);
  }
  if (positional[1] === undefined) throw new TemplateError('map requires a filter argument');
  const name = asText(positional[1], 'map');
  return (item) => env.filter(name, further(given, item, 2));
}

function selecting(wanted: boolean, byAttribute: boolean): Builtin {
  return (given, env) => {
    const [value] = given.positional as [Value];
    const off = byAttribute ? 1 : 0;
    return generated(function* () {
      if (!isTrue(value)) return;
      const attribute = given.positional[1];
      if (byAttribute && attribute === undefined) throw new TemplateError('Missing parameter for attribute name');
      const part = byAttribute ? getter(env, attribute) : (item: Value) => item;
      const name = given.positional[1 + off];
      const test = name === undefined ? undefined : asText(name, 'select');
      const passes = (item: Value) =>
        test === undefined ? isTrue(part(item)) : env.test(test, further(given, part(item), 2 + off));
      for (const item of each(value, env)) if (passes(item) === wanted) yield item;
    });
  };
}
