import { TemplateError, type Work } from './work.ts';

/**
 * A value of Python: None is null, int is bigint, float is number, str is string, list is an array. A name of a
 * message never becomes a property of a JavaScript object.
 */
export type Value = null | boolean | bigint | number | string | Value[] | PythonObject;

/** The rest of Python's values, by the name of their type. */
export abstract class PythonObject {
  abstract readonly type: string;
}

/** A tuple; `fields` are the names of a named one. */
export class Tuple extends PythonObject {
  readonly type = 'tuple';
  constructor(
    readonly items: readonly Value[],
    readonly fields: readonly string[] = [],
  ) {
    super();
  }
}

/** A dict: keys that are equal in Python (1, 1.0 and True) are one key, spelled as the first of them. */
export class Dict extends PythonObject {
  readonly type = 'dict';
  private readonly entries = new Map<string, [key: Value, value: Value]>();

  get size(): number {
    return this.entries.size;
  }
  get(key: Value): Value | undefined {
    return this.entries.get(hashOf(key))?.[1];
  }
  has(key: Value): boolean {
    return this.entries.has(hashOf(key));
  }
  set(key: Value, value: Value): this {
    const hash = hashOf(key);
    const entry = this.entries.get(hash);
    if (entry) entry[1] = value;
    else this.entries.set(hash, [key, value]);
    return this;
  }
  *[Symbol.iterator](): Generator<readonly [Value, Value]> {
    yield* this.entries.values();
  }
}

/** What keys(), values() and items() of a dict return. */
export class View extends PythonObject {
  constructor(
    readonly of: 'keys' | 'values' | 'items',
    readonly dict: Dict,
  ) {
    super();
  }
  get type(): string {
    return `dict_${this.of}`;
  }
}

export class Range extends PythonObject {
  readonly type = 'range';
  readonly length: number;
  constructor(
    readonly start: bigint,
    readonly stop: bigint,
    readonly step: bigint,
  ) {
    super();
    const span = step > 0n ? stop - start : start - stop;
    const size = step > 0n ? step : -step;
    this.length = span > 0n ? Number((span + size - 1n) / size) : 0;
  }
  at(index: number): bigint {
    return this.start + BigInt(index) * this.step;
  }
}

/** What can be gone through once: a generator, or an iterator over a sequence backwards. */
export class Once extends PythonObject {
  constructor(
    readonly type: string,
    readonly values: Iterator<Value>,
  ) {
    super();
  }
}

/** Text that is escaped for HTML already. */
export class Markup extends PythonObject {
  readonly type = 'Markup';
  constructor(readonly text: string) {
    super();
  }
}

/** What is not there: it prints as nothing, is false and empty; whatever else is done with it fails. */
export class Undefined extends PythonObject {
  readonly type = 'Undefined';
  constructor(readonly message: string) {
    super();
  }
  fail(): never {
    throw new TemplateError(this.message);
  }
}

/** Positional and named arguments of a call. */
export interface Arguments {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}

/** A function, a method of a value, a macro or a class. */
export class Callable extends PythonObject {
  constructor(
    readonly type: string,
    readonly name: string,
    readonly call: (given: Arguments) => Value,
    /** Attributes that a template may read. */
    readonly attributes: ReadonlyMap<string, Value> = new Map(),
  ) {
    super();
  }
}

/** An object with attributes of its own: a loop, a namespace, a cycler. */
export abstract class Instance extends PythonObject {
  /** The value of an attribute; undefined where it has none. */
  abstract attribute(name: string): Value | undefined;
  /** As it prints. */
  abstract toText(work: Work): string;
  call?(given: Arguments): Value;
}

/** A value, or another where there is none: None is one. */
export function either(value: Value | undefined, otherwise: () => Value): Value {
  return value === undefined ? otherwise() : value;
}

export function typeOf(value: Value): string {
  if (value === null) return 'NoneType';
  if (Array.isArray(value)) return 'list';
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'int';
    case 'number':
      return 'float';
    case 'string':
      return 'str';
    default:
      return value.type;
  }
}

/** One text for all keys that Python takes for one. @throws TemplateError when a value cannot be a key. */
export function hashOf(key: Value): string {
  if (key === null) return 'None';
  if (typeof key === 'string') return `'${key}`;
  if (key instanceof Markup) return `'${key.text}`;
  if (typeof key === 'boolean') return key ? '1' : '0';
  if (typeof key === 'bigint') return String(key);
  if (typeof key === 'number') return Number.isInteger(key) ? String(BigInt(key)) : `f${key}`;
  if (key instanceof Undefined) return 'undefined';
  if (key instanceof Tuple) {
    const parts = key.items.map(hashOf);
    return `(${parts.map((part) => `${part.length}:${part}`).join('')})`;
  }
  if (Array.isArray(key) || key instanceof Dict) throw new TemplateError(`unhashable type: '${typeOf(key)}'`);
  throw new TemplateError(`a ${typeOf(key)} as key is not supported`);
}

/** The text of a str. */
export function textOf(value: Value): string | undefined {
  if (typeof value === 'string') return value;
  return value instanceof Markup ? value.text : undefined;
}

/** A number: bools are the ints 0 and 1. */
export function numberOf(value: Value): bigint | number | undefined {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  return typeof value === 'bigint' || typeof value === 'number' ? value : undefined;
}

/** An int (or a bool). */
export function intOf(value: Value): bigint | undefined {
  const number = numberOf(value);
  return typeof number === 'bigint' ? number : undefined;
}

export function isTrue(value: Value): boolean {
  if (typeof value === 'object' && value !== null) return lengthOf(value) !== 0;
  return Boolean(value);
}

/** len(), undefined where Python has none. */
export function lengthOf(value: Value): number | undefined {
  if (typeof value === 'string') return codePointCount(value);
  if (Array.isArray(value)) return value.length;
  if (value instanceof Markup) return codePointCount(value.text);
  if (value instanceof Tuple) return value.items.length;
  if (value instanceof Dict) return value.size;
  if (value instanceof View) return value.dict.size;
  if (value instanceof Range) return value.length;
  if (value instanceof Undefined) return 0;
  return undefined;
}

const surrogate = /[\ud800-\udfff]/;

function codePointCount(text: string): number {
  if (!surrogate.test(text)) return text.length;
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** The characters of a text, as Python counts them. */
export function characters(text: string): readonly string[] {
  return surrogate.test(text) ? Array.from(text) : text.split('');
}

/** iter(). @throws TemplateError for what cannot be iterated. */
export function iterate(value: Value, work: Work): Iterator<Value> {
  if (value instanceof Once) return value.values;
  return elements(value, work)[Symbol.iterator]();
}

function elements(value: Value, work: Work): Iterable<Value> {
  const text = textOf(value);
  if (text !== undefined) {
    work.spend(text.length);
    return characters(text);
  }
  if (Array.isArray(value)) return value;
  if (value instanceof Tuple) return value.items;
  if (value instanceof Dict) return pairsOf(value, 'keys');
  if (value instanceof View) return pairsOf(value.dict, value.of);
  if (value instanceof Range) return numbersOf(value);
  if (value instanceof Undefined) return [];
  throw new TemplateError(`'${typeOf(value)}' object is not iterable`);
}

function* pairsOf(dict: Dict, of: View['of']): Generator<Value> {
  for (const [key, value] of dict) yield of === 'keys' ? key : of === 'values' ? value : new Tuple([key, value]);
}

function* numbersOf(range: Range): Generator<Value> {
  for (let i = 0; i < range.length; i++) yield range.at(i);
}

/** The items of an iterable. @throws TemplateError for what cannot be iterated, or is too long. */
export function listOf(value: Value, work: Work): Value[] {
  const values = iterate(value, work);
  const items: Value[] = [];
  for (let next = values.next(); !next.done; next = values.next()) {
    work.spend(1);
    items.push(next.value);
  }
  return items;
}

/** A generator over values that are made when they are asked for. */
export function generated(values: () => Generator<Value>): Once {
  return new Once('generator', values());
}
