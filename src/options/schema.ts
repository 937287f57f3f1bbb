import { commonOptions } from './common.ts';
import type { Argument, JsonSchema, Option } from './options.ts';
import type { Verb } from './verb.ts';

/** A property of a verb's schema: the values it takes, what it is for, and its default. */
export interface PropertySchema extends JsonSchema {
  readonly description: string;
  readonly default?: unknown;
}

/** The JSON Schema (2020-12) of a verb's arguments and options, under the names of its flags in camelCase. */
export interface VerbSchema {
  readonly title: string;
  readonly description: string;
  readonly type: 'object';
  readonly properties: Readonly<Record<string, PropertySchema>>;
  readonly required: readonly string[];
  readonly additionalProperties: false;
}

/** Describes the arguments and options of a verb, those of every verb among them. */
export function schemaOf(name: string, summary: string, verb: Verb): VerbSchema {
  const args = Object.entries(verb.arguments);
  const options = Object.entries({ ...verb.options, ...commonOptions });
  return {
    title: `cria ${name}`,
    description: summary,
    type: 'object',
    properties: Object.fromEntries([
      ...args.map(([key, argument]) => [key, ofArgument(argument)]),
      ...options.map(([key, option]) => [key, ofOption(option)]),
    ]),
    required: args.filter(([, { count }]) => count === 'one' || count === 'many').map(([key]) => key),
    additionalProperties: false,
  };
}

function ofArgument({ summary, count }: Argument<unknown>): PropertySchema {
  const one: JsonSchema = { type: 'string' };
  return { description: summary, ...(count === 'many' || count === 'any' ? { type: 'array', items: one } : one) };
}

function ofOption({ summary, schema, fallback }: Option<unknown>): PropertySchema {
  return { description: summary, ...schema, ...(fallback === undefined ? {} : { default: fallback }) };
}
