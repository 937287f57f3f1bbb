import { Real } from '../../base/index.ts';
import { Cycler, dictFrom, Joiner, Namespace, raise } from './instances.ts';
import { asText, bound, parameters } from './signature.ts';
import { strftime } from './strftime.ts';
import { Callable, Dict, intOf, Range, typeOf, type Value } from './values.ts';
import { TemplateError, unsupported, type Work } from './work.ts';

const mostNumbers = 100_000; // the sandbox's MAX_RANGE

/** The functions that a chat template finds besides its variables. */
export function globalsOf(work: Work, now: Date): ReadonlyMap<string, Value> {
  const functions: Readonly<Record<string, Callable['call']>> = {
    range: ({ positional, named }) => {
      if (named.size > 0) throw new TemplateError('range() takes no keyword arguments');
      return rangeOf(positional);
    },
    namespace: (given) => new Namespace(dictFrom(given, work)),
    cycler: ({ positional }) => new Cycler(positional),
    joiner: (given) => {
      const [separator = ', '] = bound('joiner', parameters('sep='), given);
      return new Joiner(separator);
    },
    lipsum: () => {
      throw unsupported("the function 'lipsum'");
    },
    raise_exception: (given) => raise(given, work),
    strftime_now: (given) => {
      const [format] = bound('strftime_now', parameters('format'), given);
      return strftime(now, asText(format, 'strftime_now'));
    },
  };
  const fromKeys = new Callable('method', 'fromkeys', () => {
    throw unsupported("'fromkeys' of dict");
  });
  const dict = new Callable('function', 'dict', (given) => dictFrom(given, work), new Map([['fromkeys', fromKeys]]));
  return new Map<string, Value>([
    ...Object.entries(functions).map(([name, call]) => [name, new Callable('function', name, call)] as const),
    ['dict', dict],
  ]);
}

function rangeOf(values: readonly Value[]): Range {
  const numbers = values.map((value) => {
    const int = intOf(value);
    if (int !== undefined) return int;
    throw new TemplateError(`'${typeOf(value)}' object cannot be interpreted as an integer`);
  });
  const [first, second, step = 1n, more] = numbers;
  if (first === undefined || more !== undefined) throw new TemplateError('range expected 1 to 3 arguments');
  if (step === 0n) throw new TemplateError('range() arg 3 must not be zero');
  const range = second === undefined ? new Range(0n, first, 1n) : new Range(first, second, step);
  if (range.length > mostNumbers) throw new TemplateError(`a range of more than ${mostNumbers} numbers is too big`);
  return range;
}

const unitsPerCharacter = 100; // a template looks at a text a few times

/** JSON as values of a template: whole numbers are ints, and `Real` ones floats. What is given may be worked on. */
export function fromJson(value: unknown, work: Work): Value {
  if (value === null || value === undefined) return null;
  work.allow(unitsPerCharacter * (typeof value === 'string' ? value.length : 1));
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint') return value;
  if (value instanceof Real) return value.value;
  return work.deeper(() => {
    if (Array.isArray(value)) return value.map((item) => fromJson(item, work));
    const dict = new Dict();
    for (const [key, item] of Object.entries(value as object)) dict.set(key, fromJson(item, work));
    return dict;
  });
}
