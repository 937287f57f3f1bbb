import { bound, parameters } from './signature.ts';
import type { Arguments, Value } from './values.ts';
import type { Work } from './work.ts';

/** What filters and tests are called with besides their arguments. */
export interface Environment {
  readonly work: Work;
  /** Applies a filter or a test by name: the value is the first argument. @throws TemplateError for an unknown one. */
  filter(name: string, given: Arguments): Value;
  test(name: string, given: Arguments): boolean;
}

export type Builtin<Result extends Value = Value> = (given: Arguments, env: Environment) => Result;

/** A filter or test with parameters, the value first: `builtin('value width=', (env, value, width) => …)`. */
export function builtin<Result extends Value>(
  list: string,
  apply: (env: Environment, value: Value, ...rest: readonly (Value | undefined)[]) => Result,
): Builtin<Result> {
  const signature = parameters(list);
  return (given, env) => {
    const [value, ...rest] = bound('it', signature, given);
    return apply(env, value as Value, ...rest);
  };
}
