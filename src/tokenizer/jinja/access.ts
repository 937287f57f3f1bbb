import { methodOf } from './methods.ts';
import {
  Callable,
  characters,
  Dict,
  either,
  Instance,
  intOf,
  lengthOf,
  Markup,
  Once,
  Range,
  Tuple,
  textOf,
  typeOf,
  Undefined,
  type Value,
} from './values.ts';
import { TemplateError, unsupported, type Work } from './work.ts';

/** `object.name`: an attribute, else an item of that name, else undefined. */
export function attributeOf(object: Value, name: string, work: Work): Value {
  if (object instanceof Undefined) object.fail();
  const attribute = ownAttribute(object, name, work);
  const found = attribute === undefined ? itemOrNothing(object, name, work) : attribute;
  return either(found, () => missing(object, name));
}

/** `object[index]`: an item, else an attribute of that name, else undefined. */
export function itemOf(object: Value, index: Value, work: Work): Value {
  if (object instanceof Undefined) object.fail();
  const item = itemOrNothing(object, index, work);
  if (item !== undefined) return item;
  const name = textOf(index);
  return either(name === undefined ? undefined : ownAttribute(object, name, work), () => missing(object, index));
}

function missing(object: Value, name: Value): Undefined {
  const what = typeof name === 'string' ? `attribute '${name}'` : 'such element';
  return new Undefined(`'${typeOf(object)} object' has no ${what}`);
}

/** Attributes of Python's own objects; those that begin with '_', or change an object, fail when they are used. */
function ownAttribute(object: Value, name: string, work: Work): Value | undefined {
  const unsafe = () => new Undefined(`access to attribute '${name}' of '${typeOf(object)}' object is unsafe`);
  if (/^__\w+__$/.test(name)) return unsafe();
  if (object instanceof Instance) return name.startsWith('_') ? undefined : object.attribute(name);
  if (object instanceof Callable) {
    const value = object.attributes.get(name);
    if (value === undefined && object.type !== 'Macro') throw unsupported(`the attribute '${name}' of a function`);
    return value;
  }
  if (object instanceof Tuple && object.fields.includes(name)) return object.items[object.fields.indexOf(name)];
  return methodOf(object, name, work, unsafe);
}

/** What `object[index]` is in Python; undefined where it raises. */
function itemOrNothing(object: Value, index: Value, work: Work): Value | undefined {
  if (object instanceof Dict) return isHashable(index) ? object.get(index) : undefined;
  const at = intOf(index);
  if (at === undefined || object === null || typeof object === 'boolean') return undefined;
  const length = lengthOf(object);
  if (length === undefined || object instanceof Undefined) return undefined;
  const place = at < 0n ? at + BigInt(length) : at;
  if (place < 0n || place >= BigInt(length)) return undefined;
  return elementAt(object, Number(place), work);
}

function elementAt(object: Value, place: number, work: Work): Value | undefined {
  const text = textOf(object);
  if (text !== undefined) {
    work.spend(text.length);
    return characters(text)[place];
  }
  if (Array.isArray(object)) return object[place];
  if (object instanceof Tuple) return object.items[place];
  return object instanceof Range ? object.at(place) : undefined;
}

function isHashable(value: Value): boolean {
  if (value instanceof Tuple) return value.items.every(isHashable);
  return !(Array.isArray(value) || value instanceof Dict);
}

/** `object[start:stop:step]`. @throws TemplateError for what has no slices. */
export function sliceOf(object: Value, bounds: readonly (Value | undefined)[], work: Work): Value {
  if (object instanceof Undefined) object.fail();
  const text = textOf(object);
  const items = text !== undefined ? characters(text) : object instanceof Tuple ? object.items : object;
  if (object instanceof Range) throw unsupported('a slice of a range');
  if (!Array.isArray(items)) throw new TemplateError(`'${typeOf(object)}' object has no slices`);
  const [start, stop, step = 1] = bounds.map((bound) => {
    if (bound === undefined || bound === null) return undefined;
    const int = intOf(bound);
    if (int === undefined) throw new TemplateError('slice indices must be integers or None');
    return Number(int);
  });
  if (step === 0) throw new TemplateError('slice step cannot be zero');
  work.spend(items.length);
  const taken = sliced<Value>(items, start, stop, step);
  if (object instanceof Markup) return new Markup(taken.join(''));
  if (text !== undefined) return taken.join('');
  return object instanceof Tuple ? new Tuple(taken) : taken;
}

function sliced<T>(items: readonly T[], start: number | undefined, stop: number | undefined, step: number): T[] {
  const { length } = items;
  const [low, high] = step > 0 ? [0, length] : [-1, length - 1];
  const clamp = (bound: number) => Math.min(high, Math.max(low, bound < 0 ? bound + length : bound));
  const from = start === undefined ? (step > 0 ? low : high) : clamp(start);
  const to = stop === undefined ? (step > 0 ? high : low) : clamp(stop);
  if (step === 1) return items.slice(from, Math.max(from, to));
  const taken: T[] = [];
  for (let at = from; step > 0 ? at < to : at > to; at += step) taken.push(items[at] as T);
  return taken;
}

/** reversed(): undefined for what has no order to reverse. */
export function reversed(value: Value, work: Work): Once | undefined {
  const length = lengthOf(value);
  const isSequence =
    textOf(value) !== undefined || Array.isArray(value) || value instanceof Tuple || value instanceof Range;
  if (value instanceof Undefined) return new Once('reversed', [][Symbol.iterator]());
  if (value instanceof Dict)
    return new Once(
      'dict_reversekeyiterator',
      [...value]
        .map(([key]) => key)
        .reverse()
        [Symbol.iterator](),
    );
  if (!isSequence || length === undefined) return undefined;
  const text = textOf(value);
  const items = text === undefined ? undefined : characters(text);
  const at = (place: number) => (items ? (items[place] as Value) : (elementAt(value, place, work) as Value));
  return new Once('reversed', backwards(length, at));
}

function* backwards(length: number, at: (place: number) => Value): Generator<Value> {
  for (let place = length - 1; place >= 0; place--) yield at(place);
}
