import { ApiError } from './errors.ts';
import { ofLength, plainPattern } from './pattern.ts';

type Schema = Readonly<Record<string, unknown>>;

/** Keywords by the type that they constrain. */
const keywordsOf: Readonly<Record<string, readonly string[]>> = {
  string: ['minLength', 'maxLength', 'pattern'],
  array: ['items', 'minItems', 'maxItems'],
  object: ['properties', 'required', 'additionalProperties'],
  number: [],
  integer: [],
  boolean: [],
  null: [],
};
const annotations = new Set(['$schema', '$id', 'title', 'description', 'default', 'examples']);
const definitions = ['$defs', 'definitions'];
const known = new Set([...annotations, ...definitions, 'type', 'enum', 'const', 'anyOf', '$ref']);
for (const keywords of Object.values(keywordsOf)) for (const keyword of keywords) known.add(keyword);

const most = 10_000; // of lengths and numbers of items

interface FollowOptions {
  /** The field that the schema comes from. */
  readonly param: string;
  /** Leaves out the keywords that are not supported. */
  readonly isLenient?: boolean;
  /** Where the schema will stand in a larger one: a JSON pointer. */
  readonly base?: string;
}

/**
 * A schema in the form that the grammar library follows to the letter: whatever fits it fits the original one, which may allow
 * more.
 * @throws ApiError (400) that names what is not supported.
 */
export function followable(schema: unknown, { param, isLenient = false, base = '' }: FollowOptions): object {
  const refuse = (where: string, what: string): never => {
    throw new ApiError(400, `${where}: ${what}`, { param });
  };

  function follow(given: unknown, where: string): Schema {
    if (given === true) return {};
    if (given === false) refuse(where, 'nothing fits false');
    if (typeof given !== 'object' || given === null || Array.isArray(given)) refuse(where, 'is not a schema');
    const all = Object.entries(given as Schema).filter(([key]) => !annotations.has(key));
    const unknown = all.find(([key]) => !known.has(key));
    if (unknown && !isLenient) refuse(where, `the keyword '${unknown[0]}' is not supported`);
    const own = Object.fromEntries(all.filter(([key]) => known.has(key)));
    const kept: Record<string, unknown> = {};
    for (const key of definitions) {
      if (key in own) kept[key] = each(own[key], `${where}.${key}`);
      delete own[key];
    }
    return { ...kept, ...core(own, where) };
  }

  function core(own: Record<string, unknown>, where: string): Schema {
    const alone = ['$ref', 'anyOf', 'const', 'enum'].find((key) => key in own);
    const beside = Object.keys(own).find((key) => key !== alone && !(key === 'type' && /const|enum/.test(alone ?? '')));
    if (alone && beside) refuse(where, `'${beside}' beside '${alone}' is not supported`);
    if (alone === '$ref') {
      if (!/^#(\/|$)/.test(String(own.$ref))) refuse(where, `the $ref '${own.$ref}' is not within the schema`);
      return { $ref: `#${base}${String(own.$ref).slice(1)}` };
    }
    if (alone === 'anyOf') {
      if (!Array.isArray(own.anyOf) || own.anyOf.length === 0) refuse(where, 'anyOf is not a list of schemas');
      return { anyOf: (own.anyOf as unknown[]).map((one, i) => follow(one, `${where}.anyOf.${i}`)) };
    }
    const types = typesOf(own, where);
    if (alone) {
      const values = alone === 'const' ? [own.const] : own.enum;
      if (!Array.isArray(values)) return refuse(where, 'enum is not a list');
      const fitting = values.filter((value) => types.length === 0 || types.some((type) => isOf(value, type)));
      return fitting.length > 0 ? { enum: fitting } : refuse(where, `no value of ${alone} is of the type`);
    }
    if (types.length > 1) return { anyOf: types.map((type) => ofType({ ...own, type }, where)) };
    return types.length === 1 ? ofType({ ...own, type: types[0] }, where) : {};
  }

  /** The types that are asked for, or that the keywords are about: what else would fit is not needed. */
  function typesOf({ type, ...own }: Schema, where: string): string[] {
    if (type === undefined) {
      const about = Object.entries(keywordsOf).find(([, keywords]) => keywords.some((keyword) => keyword in own));
      return about ? [about[0]] : [];
    }
    const types = Array.isArray(type) ? type : [type];
    const wrong = types.find((one) => !(String(one) in keywordsOf));
    if (types.length === 0 || wrong !== undefined) refuse(where, `there is no type ${JSON.stringify(wrong ?? type)}`);
    return types as string[];
  }

  function ofType(own: Schema, where: string): Schema {
    const type = own.type as string;
    if (type === 'object') return { type, ...ofObject(own, where) };
    const [least, greatest] = type === 'array' ? ['minItems', 'maxItems'] : ['minLength', 'maxLength'];
    const bounds: Record<string, number> = {};
    for (const name of type === 'string' || type === 'array' ? [least, greatest] : []) {
      const bound = own[name as string];
      if (bound === undefined) continue;
      if (!Number.isInteger(bound) || (bound as number) < 0) refuse(where, `${name} must be an integer of at least 0`);
      if ((bound as number) <= most) bounds[name as string] = bound as number;
      else if (name === least) refuse(where, `${name} is above ${most}`);
      else bounds[name as string] = most;
    }
    if (type === 'array') return { type, ...bounds, items: follow(own.items ?? true, `${where}.items`) };
    if (type !== 'string') return { type };
    const isBounded = Object.keys(bounds).length > 0;
    if (own.pattern === undefined)
      return isBounded ? { type, pattern: ofLength(bounds.minLength ?? 0, bounds.maxLength) } : { type };
    if (isBounded) refuse(where, "'pattern' beside 'minLength' or 'maxLength' is not supported");
    const pattern = typeof own.pattern === 'string' ? plainPattern(own.pattern) : undefined;
    return pattern === undefined
      ? refuse(where, `the pattern ${JSON.stringify(own.pattern)} is not supported`)
      : { type, pattern };
  }

  /** Beside properties there are no others: one could repeat a name, and the last of two values is the one that counts. */
  function ofObject({ properties = {}, required = [], additionalProperties: others }: Schema, where: string) {
    const named: Record<string, Schema> = each(properties, `${where}.properties`);
    if (!Array.isArray(required) || !required.every((name) => typeof name === 'string'))
      return refuse(where, 'required is not a list of names');
    const rest = others === false ? false : follow(others ?? true, `${where}.additionalProperties`);
    for (const name of required as string[]) {
      if (Object.hasOwn(named, name)) continue;
      if (rest === false) return refuse(where, `the property '${name}' is required and not allowed`);
      named[name] = rest;
    }
    const isClosed = Object.keys(named).length > 0;
    return { properties: named, required, additionalProperties: isClosed ? false : rest };
  }

  function each(given: unknown, where: string): Record<string, Schema> {
    if (typeof given !== 'object' || given === null || Array.isArray(given)) return refuse(where, 'is not an object');
    return Object.fromEntries(Object.entries(given).map(([name, one]) => [name, follow(one, `${where}.${name}`)]));
  }

  return follow(schema, 'schema');
}

function isOf(value: unknown, type: string): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  return type === 'integer' ? Number.isInteger(value) : typeof value === type;
}
