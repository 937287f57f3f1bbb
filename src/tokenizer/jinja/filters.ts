import { attributeOf } from './access.ts';
import type { Builtin } from './builtin.ts';
import { builtin } from './builtin.ts';
import { numberFilters } from './filters-numbers.ts';
import { sequenceFilters } from './filters-sequences.ts';
import { textFilters } from './filters-texts.ts';
import { order } from './operators.ts';
import { json } from './print.ts';
import { asFlag, asText } from './signature.ts';
import { Callable, Instance, intOf, isTrue, Tuple, textOf, Undefined, type Value } from './values.ts';
import { TemplateError, unsupported, type Work } from './work.ts';

/** Filters of Jinja that are not here. */
const missing = ['pprint', 'random', 'striptags', 'urlize', 'wordwrap', 'xmlattr'];

/** The filters that a chat template has, by name. */
export const filters: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ...textFilters,
  ...numberFilters,
  ...sequenceFilters,
  ['default', defaulting()],
  ['d', defaulting()],
  [
    'tojson',
    builtin('value ensure_ascii= indent= separators= sort_keys=', (env, value, ascii, indent, separators, sorted) =>
      json(
        value,
        {
          ascii: asFlag(ascii),
          indent: indentOf(indent),
          separators: separatorsOf(separators, indent),
          sorted: asFlag(sorted) ? (entries) => sortedEntries(entries, env.work) : (entries) => entries,
        },
        env.work,
      ),
    ),
  ],
  [
    'attr',
    builtin('value name', (env, value, name) => {
      const attribute = asText(name, 'attr');
      if (value instanceof Undefined) value.fail();
      if (value instanceof Instance || value instanceof Callable) return attributeOf(value, attribute, env.work);
      throw unsupported("the filter 'attr' of anything but a loop, a namespace or a macro");
    }),
  ],
  ...missing.map((name): [string, Builtin] => [
    name,
    () => {
      throw unsupported(`the filter '${name}'`);
    },
  ]),
]);

function defaulting(): Builtin {
  return builtin('value default_value= boolean=', (_, value, otherwise = '', boolean) =>
    value instanceof Undefined || (asFlag(boolean) && !isTrue(value)) ? otherwise : value,
  );
}

function indentOf(indent: Value | undefined): string | undefined {
  if (indent === undefined || indent === null) return undefined;
  const width = intOf(indent);
  if (width !== undefined) {
    if (width > 1000n) throw unsupported('so wide an indent');
    return ' '.repeat(Math.max(0, Number(width)));
  }
  return asText(indent, 'tojson');
}

function separatorsOf(given: Value | undefined, indent: Value | undefined): readonly [string, string] {
  if (given === undefined || given === null) return [(indent ?? null) === null ? ', ' : ',', ': '];
  const items = given instanceof Tuple ? given.items : given;
  const texts = Array.isArray(items) ? items.map(textOf) : [];
  const [item, key] = texts;
  if (texts.length !== 2 || item === undefined || key === undefined) {
    throw new TemplateError('tojson takes two separators');
  }
  return [item, key];
}

/** By key. */
function sortedEntries(entries: (readonly [Value, Value])[], work: Work): (readonly [Value, Value])[] {
  return entries.sort(([a], [b]) => order(a, b, work));
}
