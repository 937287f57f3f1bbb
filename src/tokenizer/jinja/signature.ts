import type { Arguments, Value } from './values.ts';
import { intOf, isTrue, textOf, typeOf } from './values.ts';
import { TemplateError } from './work.ts';

/** The parameters of a function, as in 'text width=' : those with '=' may be left out; behind '/' none has a name. */
export interface Parameters {
  readonly names: readonly string[];
  readonly required: number;
  readonly named: boolean;
}

export function parameters(list: string): Parameters {
  const words = list.split(' ').filter((word) => word !== '' && word !== '/');
  return {
    names: words.map((word) => word.replace('=', '')),
    required: words.filter((word) => !word.endsWith('=')).length,
    named: !list.startsWith('/'),
  };
}

/** The arguments of a call in the order of the parameters. @throws TemplateError when they do not fit. */
export function bound(what: string, { names, required, named }: Parameters, given: Arguments): (Value | undefined)[] {
  if (given.positional.length > names.length) {
    throw new TemplateError(`${what} takes ${names.length} arguments, ${given.positional.length} were given`);
  }
  const values: (Value | undefined)[] = [...given.positional];
  for (const [name, value] of given.named) {
    const at = named ? names.indexOf(name) : -1;
    if (at < 0 || values[at] !== undefined) throw new TemplateError(`${what} takes no argument '${name}' here`);
    values[at] = value;
  }
  for (let i = 0; i < required; i++) {
    if (values[i] === undefined) throw new TemplateError(`${what} lacks the argument '${names[i]}'`);
  }
  return values;
}

/** An argument that is an int of a size that JavaScript counts with. */
export function asCount(value: Value | undefined, fallback: number, what: string): number {
  if (value === undefined) return fallback;
  const int = intOf(value);
  if (int === undefined)
    throw new TemplateError(`${what}: '${typeOf(value)}' object cannot be interpreted as an integer`);
  if (int > 2n ** 53n || int < -(2n ** 53n)) throw new TemplateError(`${what}: the int is too large`);
  return Number(int);
}

/** An argument that is a text. */
export function asText(value: Value | undefined, what: string): string {
  const text = value === undefined ? undefined : textOf(value);
  if (text !== undefined) return text;
  throw new TemplateError(`${what} takes a str, not ${value === undefined ? 'nothing' : typeOf(value)}`);
}

export const asFlag = (value: Value | undefined): boolean => value !== undefined && isTrue(value);
