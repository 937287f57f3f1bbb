import { Ajv } from 'ajv';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { randomFrom } from '../../src/base/index.ts';
import { openCheckpoint } from '../../src/checkpoint/index.ts';
import { type JsonGrammars, openGrammars } from '../../src/serve/grammar.ts';
import { startGrammarWorker } from '../../src/serve/grammar-worker.ts';
import { plainPattern } from '../../src/serve/pattern.ts';
import { followable } from '../../src/serve/schema.ts';
import { callSchema } from '../../src/serve/tools.ts';
import { openTokenizer } from '../../src/tokenizer/index.ts';
import { shippedModel } from '../shared.ts';

const { tokenizer: files, generation, close } = openCheckpoint(shippedModel);
const tokenizer = openTokenizer(files, generation);
const ends = new Set(tokenizer.special.eos);
let grammars: JsonGrammars;
beforeAll(() => {
  grammars = openGrammars(tokenizer, tokenizer.vocabularySize);
});
afterAll(() => {
  grammars.close();
  close();
});

/** What is written when every token that a grammar allows is as likely as the others, and its end as likely as all of them. */
async function drawn(schema: object, seed: number, most = 120): Promise<string | undefined> {
  const random = randomFrom(seed);
  const grammar = await grammars.json(schema);
  const { options, dispose } = await grammar.begin();
  const ids: number[] = [];
  const draft = { text: '', ids, given: 0, probe: () => Promise.reject() };
  let finished = false;
  while (!finished && ids.length < most) {
    const logits = new Float32Array(tokenizer.vocabularySize);
    options.constrain?.(logits, ids);
    const allowed = [...logits.keys()].filter((id) => logits[id] === 0);
    const end = allowed.find((id) => ends.has(id));
    const id = end !== undefined && random() < 0.5 ? end : allowed[Math.floor(random() * allowed.length)];
    if (id === undefined) throw new Error(`nothing is allowed after ${tokenizer.decode(ids)}`);
    ids.push(id);
    finished = ends.has(id);
    for (const observer of options.observers ?? []) await observer({ ...draft, ended: finished });
  }
  dispose();
  const text = tokenizer.decode(ids, { skipSpecial: true });
  return finished && !text.includes('\ufffd') ? text : undefined; // bytes by chance may be no UTF-8
}

const fits = (schema: object, value: unknown): boolean => new Ajv({ strict: false }).compile(schema)(value) === true;

/** Draws until `count` texts have ended; each parses and fits. */
async function expectFitting(schema: object, count = 4): Promise<void> {
  let ended = 0;
  for (let seed = 0; seed < 3 * count && ended < count; seed++) {
    const text = await drawn(followable(schema, { param: 'x' }), seed);
    if (text === undefined) continue;
    ended++;
    expect(fits(schema, JSON.parse(text)), `${JSON.stringify(schema)}: ${text}`).toBe(true);
  }
}

const name = { type: 'string', maxLength: 3 };
test.each<[string, object]>([
  ['a required property that is not described', { type: 'object', required: ['a', 'b'], properties: { a: name } }],
  ['required ones of a map', { type: 'object', required: ['a'], additionalProperties: { type: 'integer' } }],
  [
    'properties beside others',
    { type: 'object', properties: { a: { const: 1 } }, required: ['a'], additionalProperties: { type: 'boolean' } },
  ],
  ['no type, of strings', { minLength: 2, maxLength: 4 }],
  ['no type, of lists', { minItems: 2, maxItems: 3, items: { type: 'null' } }],
  ['no type, of objects', { required: ['legs'], properties: { legs: { type: 'integer' } } }],
  ['several types', { type: ['string', 'null', 'array'], maxLength: 2, items: { enum: [1, 2] }, maxItems: 2 }],
  ['an enum with a type', { type: 'string', enum: ['a', 5, null, 'ü"\\'] }],
  ['a const', { const: { b: [null, { c: 'd"' }] } }],
  [
    'alternatives',
    { anyOf: [{ type: 'integer' }, { const: 'x' }, { type: 'array', items: { type: 'boolean' }, maxItems: 2 }] },
  ],
  [
    'references',
    { $defs: { leaf: { type: 'object', properties: { of: { $ref: '#/$defs/leaf' } } } }, $ref: '#/$defs/leaf' },
  ],
  ['numbers', { type: 'array', items: { type: 'number' }, minItems: 2, maxItems: 2 }],
])('what is written parses and fits: %s', (_, schema) => expectFitting(schema));

test('what is written parses and fits, whatever the schema', { timeout: 60_000 }, async () => {
  const keys = ['a', 'b', 'kind'];
  const { schema } = fc.letrec<{ schema: object; object: object; leaf: object }>((tie) => ({
    leaf: fc.oneof(
      fc.constantFrom({ type: 'integer' }, { type: 'boolean' }, { type: 'null' }, { enum: [1, 'x'] }, { const: [] }),
      fc.record({ type: fc.constant('string'), maxLength: fc.nat(3) }),
    ),
    object: fc
      .tuple(fc.dictionary(fc.constantFrom(...keys), tie('schema'), { maxKeys: 2 }), fc.subarray(keys), fc.boolean())
      .map(([properties, required, isOpen]) => ({
        type: 'object',
        properties,
        required: isOpen ? required : required.filter((key) => key in properties),
        additionalProperties: isOpen ? { type: 'boolean' } : false,
      })),
    schema: fc.oneof(
      { maxDepth: 2 },
      tie('leaf'),
      tie('object'),
      fc.record({ type: fc.constant('array'), items: tie('schema'), minItems: fc.nat(1), maxItems: fc.constant(2) }),
      fc.array(tie('schema'), { minLength: 1, maxLength: 2 }).map((anyOf) => ({ anyOf })),
    ),
  }));
  await fc.assert(
    fc.asyncProperty(schema, (each) => expectFitting(each, 1)),
    { numRuns: 60 },
  );
});

describe('patterns', () => {
  test.each([
    ...[
      'abc',
      'a|b',
      '^a|b$',
      '^.{3}$',
      '^[\\w.-]{2,3}$',
      '^[ -~]{3}$',
      '^[^"]{2}$',
      '[^\\d]{3}',
      '^\\D\\W\\S$',
      '\\/\\{',
    ],
    ...[
      '^\\d{4}-\\d{2}-\\d{2}$',
      '^(GET|POST)\\s/[a-z/]{1,4}$',
      'a{2,}?b',
      '(?:a|b){2,3}',
      '^[\\]^-]{2}$',
      '',
      '^$',
      'a\\$',
      'é+',
    ],
    ...[
      '^[^\\s@]{1,3}@[^\\s@]{1,3}\\.[a-z]{2,4}$',
      '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$',
      '^\\+?[1-9]\\d{1,9}$',
      '(?<year>\\d{4})',
    ],
  ])('%s is followed, in a JSON string', (pattern) => expectFitting({ type: 'string', pattern }));

  test.each([
    '(^a)',
    'a$b',
    'a||b',
    '|a',
    '()',
    '"',
    '\\\\',
    '\\n',
    '["\\\\]',
    '[é]',
    '[z-a]',
    '\\p{L}',
    '\\bword',
    'a\\1',
    '[\\x41]',
  ])('%s is not supported', (pattern) => expect(plainPattern(pattern)).toBe(undefined));
  test.each(['(?=a)b', '(?i)a', 'a**', '('])('%s is refused by the library', (pattern) =>
    expect(grammars.json(followable({ pattern }, { param: 'x' }))).rejects.toThrow('the schema cannot be followed'),
  );
});

test.each<[unknown, string]>([
  [
    { properties: { not: { items: { anyOf: [{ multipleOf: 2 }] } } } },
    "schema.properties.not.items.anyOf.0: the keyword 'multipleOf'",
  ],
  [{ allOf: [] }, "schema: the keyword 'allOf' is not supported"],
  [{ type: 'text' }, 'schema: there is no type "text"'],
  [{ type: [] }, 'schema: there is no type []'],
  [{ type: 'string', minLength: -1 }, 'schema: minLength must be an integer of at least 0'],
  [{ minLength: 1e6 }, 'schema: minLength is above 10000'],
  [{ pattern: 'a', maxLength: 2 }, "schema: 'pattern' beside"],
  [{ enum: 'x' }, 'schema: enum is not a list'],
  [{ enum: [] }, 'schema: no value of enum is of the type'],
  [{ type: 'string', const: 5 }, 'schema: no value of const is of the type'],
  [{ anyOf: [] }, 'schema: anyOf is not a list of schemas'],
  [{ anyOf: [{}], type: 'string' }, "schema: 'type' beside 'anyOf' is not supported"],
  [{ $ref: 'http://x' }, "schema: the $ref 'http://x' is not within the schema"],
  [{ properties: { a: false } }, 'schema.properties.a: nothing fits false'],
  [{ properties: 5 }, 'schema.properties: is not an object'],
  [{ required: ['a'], additionalProperties: false }, "schema: the property 'a' is required and not allowed"],
])('%j is refused', (schema, sentence) => {
  expect(() => followable(schema, { param: 'x' })).toThrow(sentence);
});

test('a schema with which the library is stuck is refused, and the thread is given up', async () => {
  const tokens = Array.from({ length: tokenizer.vocabularySize }, (_, id) => tokenizer.tokenOf(id));
  let gaveUp = 0;
  const worker = startGrammarWorker({ tokens, type: 'byte_level', ends: [2] }, () => gaveUp++, 0.5);
  const properties = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, { maxLength: 20 + i }]));
  const schema = JSON.stringify(followable({ properties }, { param: 'x' }));
  const outcomes = await Promise.allSettled([
    worker.ask({ ask: 'compile', schema }),
    worker.ask({ ask: 'compile', schema: '{}' }),
  ]);
  const after = await worker.ask({ ask: 'compile', schema: '{}' }).catch((error: unknown) => error);
  const statuses = outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.status);
  expect([statuses, after, gaveUp]).toEqual([[400, 503], expect.objectContaining({ status: 503 }), 1]);
});

test('parameters of tools that are not strict lose what cannot be followed, and keep their own references', async () => {
  const parameters = {
    $defs: { city: { enum: ['Lima', 'Quito'] } },
    type: 'object',
    properties: { city: { $ref: '#/$defs/city' }, days: { type: 'integer', minimum: 1 } },
    required: ['city'],
  };
  const tools = ['one', 'two'].map((each) => ({ function: { name: each, parameters } }));
  const text = await drawn(callSchema(tools), 3, 400);
  const { name: called, arguments: given } = JSON.parse(text ?? '');
  expect(['one', 'two']).toContain(called);
  expect(['Lima', 'Quito']).toContain(given.city);
  expect(() => callSchema([{ function: { name: 'one', parameters, strict: true } }])).toThrow("the keyword 'minimum'");
});
