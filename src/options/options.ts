import { CriaError } from '../base/index.ts';

/** What of JSON Schema declarations of options use. */
export interface JsonSchema {
  readonly type: 'string' | 'number' | 'integer' | 'boolean' | 'array';
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: JsonSchema;
}

/** An option of a verb. Its flag is the key under which it is declared: `maxTokens` is `--max-tokens`. */
export interface Option<T> {
  readonly summary: string;
  /** The values that it takes, in JSON Schema 2020-12. */
  readonly schema: JsonSchema;
  /** What stands for the value in the help. A flag has none. */
  readonly placeholder?: string;
  /** It takes one or more words each time: all up to the next option. */
  readonly variadic?: boolean;
  /** The value when the option is not given. */
  readonly fallback: T;
  /** The value of one given text; `previous` is what earlier occurrences gave, `where` names the option in errors. */
  read(text: string, where: string, previous: T | undefined): T;
}

/** A positional argument of a verb, named by the key under which it is declared. */
export interface Argument<T> {
  readonly summary: string;
  readonly count: 'one' | 'optional' | 'many' | 'any';
  /** Only a type: what the verb receives. */
  readonly value?: T;
}

export type Options = Readonly<Record<string, Option<unknown>>>;
export type Arguments = Readonly<Record<string, Argument<unknown>>>;
export type OptionValues<O> = { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never };
export type ArgumentValues<A> = { readonly [K in keyof A]: A[K] extends Argument<infer T> ? T : never };

interface Range<D> {
  readonly default?: D;
  /** The least and the greatest value, both allowed. */
  readonly min?: number;
  readonly max?: number;
}

/** `--flag`, or `--no-flag` for what is on by default. */
export function flag(summary: string, fallback = false): Option<boolean> {
  return { summary, schema: { type: 'boolean' }, fallback, read: () => !fallback };
}

/** `--name TEXT`. */
export function text<D extends string | undefined = undefined>(
  summary: string,
  { default: fallback, placeholder = 'text' }: { readonly default?: D; readonly placeholder?: string } = {},
): Option<string | D> {
  return { summary, schema: { type: 'string' }, placeholder, fallback: fallback as D, read: (given) => given };
}

/** `--name N`: a number within a range. */
export function number<D extends number | undefined = undefined>(
  summary: string,
  range: Range<D> = {},
): Option<number | D> {
  return numeric(summary, 'x', 'number', range, Number.isFinite);
}

/** `--name N`: an integer within a range. */
export function integer<D extends number | undefined = undefined>(
  summary: string,
  range: Range<D> = {},
): Option<number | D> {
  return numeric(summary, 'n', 'integer', range, Number.isSafeInteger);
}

/** `--name N,N`: integers of at least `min`, separated by commas. */
export function integers(summary: string, min: number): Option<readonly number[]> {
  const { read } = integer(summary, { min });
  return {
    summary,
    schema: { type: 'array', items: { type: 'integer', minimum: min } },
    placeholder: 'n,n',
    fallback: [],
    read: (given, where) => given.split(',').map((each) => read(each.trim(), where, undefined) as number),
  };
}

/** `--name A,B`: words separated by commas; none by default. */
export function words(summary: string, placeholder = 'a,b'): Option<readonly string[]> {
  return {
    summary,
    schema: { type: 'array', items: { type: 'string' } },
    placeholder,
    fallback: [],
    read: (given) =>
      given
        .split(',')
        .map((word) => word.trim())
        .filter(Boolean),
  };
}

/** The values that options have when none is given: the defaults of the library, too. */
export function defaultsOf<O extends Options>(options: O): OptionValues<O> {
  return Object.fromEntries(Object.entries(options).map(([name, { fallback }]) => [name, fallback])) as OptionValues<O>;
}

/** `--name A`: one of a few words. */
export function choice<const T extends string>(words: readonly T[], summary: string, fallback: T): Option<T> {
  return {
    summary,
    schema: { type: 'string', enum: words },
    placeholder: words.join('|'),
    fallback,
    read(given, where) {
      const word = words.find((candidate) => candidate === given);
      if (word === undefined) throw wrong(where, given, `one of ${words.join(', ')}`);
      return word;
    },
  };
}

/** The same option given any number of times: the list of its values. */
export function repeated<T>(option: Option<T | undefined>): Option<readonly T[]> {
  return {
    ...option,
    schema: { type: 'array', items: option.schema },
    fallback: [],
    read: (given, where, previous = []) => [...previous, option.read(given, where, undefined) as T],
  };
}

/** `--name A B C`, any number of times: the list of all values. */
export function several<T>(option: Option<T | undefined>): Option<readonly T[]> {
  return { ...repeated(option), variadic: true };
}

export function argument(summary: string): Argument<string> {
  return { summary, count: 'one' };
}

export function optionalArgument(summary: string): Argument<string | undefined> {
  return { summary, count: 'optional' };
}

export function anyArguments(summary: string): Argument<readonly string[]> {
  return { summary, count: 'any' };
}

export function manyArguments(summary: string): Argument<readonly string[]> {
  return { summary, count: 'many' };
}

function numeric<D extends number | undefined>(
  summary: string,
  placeholder: string,
  kind: 'number' | 'integer',
  { default: fallback, min = -Infinity, max = Infinity }: Range<D>,
  isKind: (value: number) => boolean,
): Option<number | D> {
  return {
    summary,
    schema: {
      type: kind,
      ...(min > -Infinity ? { minimum: min } : {}),
      ...(max < Infinity ? { maximum: max } : {}),
    },
    placeholder,
    fallback: fallback as D,
    read(given, where) {
      const value = decimal.test(given) ? Number(given) : Number.NaN;
      if (!isKind(value) || value < min || value > max) {
        throw wrong(where, given, `${kind === 'integer' ? 'an' : 'a'} ${kind}${rangeText(min, max)}`);
      }
      return value;
    },
  };
}

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

function rangeText(min: number, max: number): string {
  if (min > -Infinity && max < Infinity) return ` from ${min} to ${max}`;
  if (min > -Infinity) return ` of at least ${min}`;
  return max < Infinity ? ` of at most ${max}` : '';
}

function wrong(where: string, given: string, wanted: string): CriaError {
  return new CriaError(`must be ${wanted} (got '${given}')`, { where });
}
