import { checked } from './numbers.ts';
import { print } from './print.ts';
import { printf } from './printf.ts';
import {
  Callable,
  Dict,
  hashOf,
  intOf,
  iterate,
  listOf,
  Markup,
  numberOf,
  Range,
  Tuple,
  textOf,
  typeOf,
  Undefined,
  type Value,
  View,
} from './values.ts';
import { TemplateError, unsupported, type Work } from './work.ts';

/** The result of `+ - * / // % **`. @throws TemplateError where Python raises. */
export function binary(operator: string, left: Value, right: Value, work: Work): Value {
  if (left instanceof Undefined) left.fail();
  const text = textOf(left);
  if (operator === '%' && text !== undefined) {
    if (left instanceof Markup) throw unsupported("'%' of escaped text");
    return printf(text, right, work);
  }
  if (right instanceof Undefined) right.fail();
  const a = numberOf(left);
  const b = numberOf(right);
  if (a !== undefined && b !== undefined) return arithmetic(operator, a, b);
  const result = operator === '+' ? sum(left, right, work) : operator === '*' ? product(left, right, work) : undefined;
  if (result !== undefined) return result;
  throw new TemplateError(`unsupported operand type(s) for ${operator}: '${typeOf(left)}' and '${typeOf(right)}'`);
}

function sum(left: Value, right: Value, work: Work): Value | undefined {
  const [a, b] = [textOf(left), textOf(right)];
  if (a !== undefined && b !== undefined) {
    work.spend(a.length + b.length);
    if (!(left instanceof Markup) && !(right instanceof Markup)) return a + b;
    return new Markup(escaped(left, work).text + escaped(right, work).text);
  }
  if (Array.isArray(left) && Array.isArray(right)) {
    work.spend(left.length + right.length);
    return [...left, ...right];
  }
  if (left instanceof Tuple && right instanceof Tuple) {
    work.spend(left.items.length + right.items.length);
    return new Tuple([...left.items, ...right.items]);
  }
  return undefined;
}

/** A sequence repeated. */
function product(left: Value, right: Value, work: Work): Value | undefined {
  const times = intOf(left) ?? intOf(right);
  if (times === undefined) return undefined;
  const sequence = intOf(left) === undefined ? left : right;
  const count = times < 0n ? 0 : Number(times);
  const text = textOf(sequence);
  if (text !== undefined) {
    work.spend(text.length * count);
    const repeated = text.repeat(text === '' ? 0 : count);
    return sequence instanceof Markup ? new Markup(repeated) : repeated;
  }
  const items = Array.isArray(sequence) ? sequence : sequence instanceof Tuple ? sequence.items : undefined;
  if (!items) return undefined;
  work.spend(items.length * count);
  const repeated = items.length === 0 ? [] : Array.from({ length: count }, () => items).flat(1);
  return Array.isArray(sequence) ? repeated : new Tuple(repeated);
}

function arithmetic(operator: string, a: bigint | number, b: bigint | number): Value {
  if (typeof a === 'bigint' && typeof b === 'bigint') return integers(operator, a, b);
  return floats(operator, Number(a), Number(b));
}

function integers(operator: string, a: bigint, b: bigint): Value {
  if (['/', '//', '%'].includes(operator) && b === 0n) throw new TemplateError('division by zero');
  switch (operator) {
    case '+':
      return checked(a + b);
    case '-':
      return checked(a - b);
    case '*':
      return checked(a * b);
    case '/': {
      const [x, y] = [Number(a), Number(b)];
      if (Number.isSafeInteger(x) && Number.isSafeInteger(y)) return x / y;
      throw unsupported("'/' of ints beyond 2^53");
    }
    case '//':
      return (a - remainder(a, b)) / b;
    case '%':
      return remainder(a, b);
    default:
      return power(a, b);
  }
}

/** Has the sign of the divisor. */
function remainder(a: bigint, b: bigint): bigint {
  const rest = a % b;
  return rest !== 0n && rest < 0n !== b < 0n ? rest + b : rest;
}

function power(a: bigint, b: bigint): Value {
  if (b < 0n) return floats('**', Number(a), Number(b));
  const bits = a === 0n || a === 1n || a === -1n ? 0 : a.toString(2).length * Number(b);
  if (bits > 1 << 15) throw unsupported('an int of more than 4300 digits');
  return checked(a ** (bits === 0 ? (b === 0n ? 0n : 2n - (b % 2n)) : b));
}

function floats(operator: string, a: number, b: number): Value {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      if (b === 0) throw new TemplateError('float division by zero');
      return a / b;
    case '**': {
      if (a === 0 && b < 0) throw new TemplateError('0.0 cannot be raised to a negative power');
      if (a < 0 && Number.isFinite(b) && !Number.isInteger(b)) throw unsupported('a complex number');
      const result = a ** b;
      if (!Number.isFinite(result) && Number.isFinite(a) && Number.isFinite(b)) {
        throw new TemplateError('Numerical result out of range');
      }
      return a === 1 || (a === -1 && !Number.isFinite(b)) ? 1 : result;
    }
    default: {
      if (b === 0) throw new TemplateError('float modulo by zero');
      const [quotient, rest] = divided(a, b);
      return operator === '%' ? rest : quotient;
    }
  }
}

/** divmod() of floats. */
function divided(a: number, b: number): [quotient: number, rest: number] {
  let rest = a % b;
  let quotient = (a - rest) / b;
  if (rest !== 0) {
    if (b < 0 !== rest < 0) {
      rest += b;
      quotient -= 1;
    }
  } else rest = b < 0 || Object.is(b, -0) ? -0 : 0;
  if (quotient === 0) return [a / b < 0 || Object.is(a / b, -0) ? -0 : 0, rest];
  const floor = Math.floor(quotient);
  return [quotient - floor > 0.5 ? floor + 1 : floor, rest];
}

/** `-x` and `+x`. */
export function signed(operator: '-' | '+', value: Value): Value {
  if (value instanceof Undefined) value.fail();
  const number = numberOf(value);
  if (number === undefined) throw new TemplateError(`bad operand type for unary ${operator}: '${typeOf(value)}'`);
  return operator === '-' ? -number : number;
}

/** Text with HTML's special characters escaped, once. */
export function escaped(value: Value, work: Work): Markup {
  if (value instanceof Markup) return value;
  const names: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    "'": '&#39;',
    '"': '&#34;',
  };
  const text = print(value, work);
  work.spend(text.length);
  return new Markup(text.replace(/[&<>'"]/g, (character) => names[character] as string));
}

/** `==`. */
export function equals(left: Value, right: Value, work: Work): boolean {
  if (left === right) return true;
  const [a, b] = [numberOf(left), numberOf(right)];
  if (a !== undefined && b !== undefined) return a <= b && a >= b; // an int and a float are compared exactly
  const [text, other] = [textOf(left), textOf(right)];
  if (text !== undefined || other !== undefined) return text === other;
  if (left instanceof Undefined) return right instanceof Undefined;
  const [items, others] = [itemsOf(left, right), itemsOf(right, left)];
  if (items && others) {
    work.spend(items.length + 1);
    return (
      items.length === others.length &&
      work.deeper(() => items.every((item, i) => equals(item, others[i] as Value, work)))
    );
  }
  if (left instanceof Dict && right instanceof Dict) {
    work.spend(left.size + 1);
    const isSame = ([key, item]: readonly [Value, Value]) => {
      const other = right.get(key);
      return other !== undefined && equals(item, other, work);
    };
    return left.size === right.size && work.deeper(() => [...left].every(isSame));
  }
  if (left instanceof Range && right instanceof Range) {
    if (left.length !== right.length || left.length === 0) return left.length === right.length;
    return left.start === right.start && (left.length === 1 || left.step === right.step);
  }
  if (left instanceof View && right instanceof View && left.of !== 'values' && right.of !== 'values') {
    return sameKeys(left, right, work);
  }
  if (left instanceof Callable && right instanceof Callable) throw unsupported('comparing functions');
  return false;
}

function sameKeys(left: View, right: View, work: Work): boolean {
  const [items, others] = [listOf(left, work), listOf(right, work)];
  return items.length === others.length && items.every((item) => contains(right, item, work));
}

/** The items of a list that is compared with a list, or of a tuple with a tuple. */
function itemsOf(value: Value, other: Value): readonly Value[] | undefined {
  if (Array.isArray(value) && Array.isArray(other)) return value;
  return value instanceof Tuple && other instanceof Tuple ? value.items : undefined;
}

/** `<`. @throws TemplateError for values without an order. */
function isLess(left: Value, right: Value, work: Work, symbol = '<'): boolean {
  if (left instanceof Undefined) left.fail();
  if (right instanceof Undefined) right.fail();
  const [a, b] = [numberOf(left), numberOf(right)];
  if (a !== undefined && b !== undefined) return a < b;
  const [text, other] = [textOf(left), textOf(right)];
  if (text !== undefined && other !== undefined) return codePointOrder(text, other) < 0;
  const [items, others] = [itemsOf(left, right), itemsOf(right, left)];
  if (items && others) {
    const at = items.findIndex((item, i) => i >= others.length || !equals(item, others[i] as Value, work));
    if (at < 0) return items.length < others.length;
    if (at >= others.length) return false;
    return work.deeper(() => isLess(items[at] as Value, others[at] as Value, work, symbol));
  }
  if (left instanceof View && right instanceof View) throw unsupported('comparing the keys of dicts');
  const types = `'${typeOf(left)}' and '${typeOf(right)}'`;
  throw new TemplateError(`'${symbol}' not supported between instances of ${types}`);
}

/** UTF-16's order differs from that of code points behind U+D7FF. */
function codePointOrder(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  let at = 0;
  while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  if (at === length) return a.length - b.length;
  const isLow = (code: number) => code >= 0xdc00 && code < 0xe000;
  const back = isLow(a.charCodeAt(at)) && isLow(b.charCodeAt(at)) ? at - 1 : at;
  return (a.codePointAt(Math.max(0, back)) as number) - (b.codePointAt(Math.max(0, back)) as number);
}

/** The order of two values for a sort. */
export function order(left: Value, right: Value, work: Work): number {
  work.spend(1);
  if (isLess(left, right, work)) return -1;
  return isLess(right, left, work) ? 1 : 0;
}

/** One of the comparisons of Jinja. */
export function compare(operator: string, left: Value, right: Value, work: Work): boolean {
  switch (operator) {
    case '==':
      return equals(left, right, work);
    case '!=':
      return !equals(left, right, work);
    case '<':
      return isLess(left, right, work);
    case '>':
      return isLess(right, left, work, '>');
    case '<=':
      return isLess(left, right, work, '<=') || equals(left, right, work);
    case '>=':
      return isLess(right, left, work, '>=') || equals(left, right, work);
    case 'in':
      return contains(right, left, work);
    default:
      return !contains(right, left, work);
  }
}

/** `item in container`. @throws TemplateError for what contains nothing. */
function contains(container: Value, item: Value, work: Work): boolean {
  const text = textOf(container);
  if (text !== undefined) {
    const part = textOf(item);
    if (part === undefined) {
      throw new TemplateError(`'in <string>' requires string as left operand, not ${typeOf(item)}`);
    }
    spendSearch(text, part, work);
    return text.includes(part);
  }
  if (container instanceof Dict) return container.has(item);
  if (container instanceof View && container.of === 'keys') return container.dict.has(item);
  if (container instanceof Range) {
    const number = numberOf(item);
    if (typeof number === 'bigint') return inRange(container, number);
    if (number === undefined || !Number.isInteger(number)) return false;
    return inRange(container, BigInt(number));
  }
  if (container instanceof Undefined || container === null || typeof container !== 'object') {
    if (container instanceof Undefined) return false;
    throw new TemplateError(`argument of type '${typeOf(container)}' is not iterable`);
  }
  const values = iterate(container, work);
  for (let next = values.next(); !next.done; next = values.next()) {
    work.spend(1);
    if (equals(next.value, item, work)) return true;
  }
  return false;
}

function inRange({ start, step, length }: Range, number: bigint): boolean {
  const offset = number - start;
  return offset % step === 0n && offset / step >= 0n && offset / step < BigInt(length);
}

const freeSearch = 256; // characters

/** What looking for a text in another may cost: their lengths' product, were the part long. */
export function spendSearch(text: string, part: string, work: Work): void {
  work.spend(text.length * Math.max(1, part.length > freeSearch ? part.length / 16 : 1));
}

/** Whether two values are the same object, as far as that can be told. */
export function isSame(left: Value, right: Value, work: Work): boolean {
  const isAtom = (value: Value) => value === null || typeof value === 'boolean';
  if (isAtom(left) || isAtom(right)) return left === right;
  if (typeof left === 'object' || typeof right === 'object') return left === right;
  if (typeOf(left) === typeOf(right) && equals(left, right, work))
    throw unsupported(`'sameas' of equal ${typeOf(left)}s`);
  return false;
}

/** Tells keys apart that were seen. */
export function keySet(): { add(value: Value): boolean } {
  const seen = new Set<string>();
  return {
    add(value) {
      const hash = hashOf(value);
      const isNew = !seen.has(hash);
      seen.add(hash);
      return isNew;
    },
  };
}
