import { type Builtin, builtin } from './builtin.ts';
import { filters } from './filters.ts';
import { binary, compare, equals, isSame } from './operators.ts';
import { print } from './print.ts';
import { kinds } from './strings.ts';
import {
  Callable,
  Dict,
  hashOf,
  Instance,
  lengthOf,
  Markup,
  numberOf,
  Once,
  textOf,
  Undefined,
  type Value,
  View,
} from './values.ts';

type Test = Builtin<boolean>;

const ofValue = (holds: (value: Value) => boolean): Test => builtin('value', (_, value) => holds(value));

const comparison = (symbol: string): Test =>
  builtin('/ a b', ({ work }, left, right) => compare(symbol, left, right as Value, work));

const parity = (rest: bigint): Test =>
  builtin('value', ({ work }, value) => equals(binary('%', value, 2n, work), rest, work));

const comparisons: Readonly<Record<string, readonly string[]>> = {
  '==': ['==', 'eq', 'equalto'],
  '!=': ['!=', 'ne'],
  '>': ['>', 'gt', 'greaterthan'],
  '>=': ['>=', 'ge'],
  '<': ['<', 'lt', 'lessthan'],
  '<=': ['<=', 'le'],
};

/** The tests that a chat template has, by name. */
export const tests: ReadonlyMap<string, Test> = new Map<string, Test>([
  ...Object.entries(comparisons).flatMap(([symbol, names]) =>
    names.map((name): [string, Test] => [name, comparison(symbol)]),
  ),
  ['odd', parity(1n)],
  ['even', parity(0n)],
  [
    'divisibleby',
    builtin('value num', ({ work }, value, by) => equals(binary('%', value, by as Value, work), 0n, work)),
  ],
  ['defined', ofValue((value) => !(value instanceof Undefined))],
  ['undefined', ofValue((value) => value instanceof Undefined)],
  ['none', ofValue((value) => value === null)],
  ['boolean', ofValue((value) => typeof value === 'boolean')],
  ['true', ofValue((value) => value === true)],
  ['false', ofValue((value) => value === false)],
  ['integer', ofValue((value) => typeof value === 'bigint')],
  ['float', ofValue((value) => typeof value === 'number')],
  ['number', ofValue((value) => numberOf(value) !== undefined)],
  ['string', ofValue((value) => textOf(value) !== undefined)],
  ['mapping', ofValue((value) => value instanceof Dict)],
  ['sequence', ofValue((value) => lengthOf(value) !== undefined && !(value instanceof View))],
  ['iterable', ofValue((value) => lengthOf(value) !== undefined || value instanceof Once)],
  [
    'callable',
    ofValue(
      (value) =>
        value instanceof Callable ||
        value instanceof Undefined ||
        (value instanceof Instance && value.call !== undefined),
    ),
  ],
  ['escaped', ofValue((value) => value instanceof Markup)],
  ['lower', builtin('value', ({ work }, value) => kinds.get('islower')?.(print(value, work)) === true)],
  ['upper', builtin('value', ({ work }, value) => kinds.get('isupper')?.(print(value, work)) === true)],
  ['sameas', builtin('value other', ({ work }, value, other) => isSame(value, other as Value, work))],
  ['in', builtin('value seq', ({ work }, value, container) => compare('in', value, container as Value, work))],
  ['filter', builtin('value', (_, value) => hashOf(value) !== '' && filters.has(textOf(value) ?? ''))],
  ['test', builtin('value', (_, value) => hashOf(value) !== '' && tests.has(textOf(value) ?? ''))],
]);
