import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { call } from '../../test/command-line.ts';
import { verbs } from '../verbs/index.ts';
import { schemaOf } from './index.ts';

test('cria schema describes arguments, options, ranges, choices and defaults of a verb', async () => {
  const schema = JSON.parse((await call(['schema', 'eva', '--json'])).out);
  expect(schema).toMatchObject({
    title: 'cria eva',
    type: 'object',
    required: ['model', 'out'],
    additionalProperties: false,
  });
  expect(schema.properties.rank).toEqual({
    type: 'integer',
    minimum: 1,
    default: 16,
    description: expect.stringContaining('mean rank'),
  });
  expect(schema.properties.packing).toMatchObject({
    type: 'string',
    enum: ['auto', 'concat', 'none'],
    default: 'auto',
  });
  expect(schema.properties.targets).toMatchObject({ type: 'array', items: { type: 'string' }, default: [] });
  expect(schema.properties.shuffle).toMatchObject({ type: 'boolean', default: true });
  expect(schema.properties.sequence).not.toHaveProperty('default');
  expect(schema.properties.seed).toMatchObject({ type: 'integer', minimum: 0, default: 0 });
});

test('without a verb all of them are described, and one that is not there is refused', async () => {
  const { verbs: schemas } = JSON.parse((await call(['schema', '--json'])).out);
  expect(Object.keys(schemas)).toEqual(verbs.map(({ name }) => name));
  const { code, err } = await call(['schema', 'fly']);
  expect({ code, err }).toEqual({ code: 2, err: 'cria: there is no verb fly (cria --help lists the verbs)\n' });
});

describe.each(verbs)('$name', ({ name, summary, load }) => {
  test('has defaults that its schema allows, under names that no argument has', async () => {
    const { verb } = await load();
    const { properties } = schemaOf(name, summary, verb);
    for (const key of Object.keys(verb.arguments)) expect(verb.options).not.toHaveProperty(key);
    for (const [key, { type, enum: choices, minimum, maximum, default: fallback }] of Object.entries(properties)) {
      if (fallback === undefined) continue;
      if (type === 'array') expect(Array.isArray(fallback), key).toBe(true);
      else expect(typeof fallback, key).toBe(type === 'integer' ? 'number' : type);
      if (choices) expect(choices, key).toContain(fallback);
      if (minimum !== undefined) expect(fallback, key).toBeGreaterThanOrEqual(minimum);
      if (maximum !== undefined) expect(fallback, key).toBeLessThanOrEqual(maximum);
    }
  });
});

test('every module that declares a verb is in the table', () => {
  const folder = join(import.meta.dirname, '../verbs');
  const declaring = readdirSync(folder).filter(
    (file) => /^[a-z0-9-]+\.ts$/.test(file) && readFileSync(join(folder, file), 'utf8').includes('export const verb ='),
  );
  expect(declaring).toHaveLength(verbs.length);
});
