import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { needs, shared } from '../../../test/shared.ts';
import { compile } from './index.ts';

interface Case {
  readonly template: string;
  readonly text?: string;
  readonly error?: string;
}

const golden = JSON.parse(readFileSync('test/goldens/jinja.json', 'utf8')) as {
  readonly variables: Readonly<Record<string, unknown>>;
  readonly clock: { readonly format: string; readonly dates: { readonly moment: number[]; readonly text: string }[] };
  readonly cases: readonly Case[];
};

const written = (template: string, variables: Readonly<Record<string, unknown>> = {}): string =>
  compile(template)(variables);

/** The text, or that it is refused. */
function outcome(template: string, variables: Readonly<Record<string, unknown>>): { text?: string; refused?: string } {
  try {
    return { text: written(template, variables) };
  } catch (error) {
    return { refused: (error as Error).message };
  }
}

/** Compares with jinja2: what it refuses is refused, and nothing is written otherwise. Returns the share that is alike. */
function alike(cases: readonly (Case & { readonly variables: Readonly<Record<string, unknown>> })[]): number {
  const same = cases.filter(({ template, text, error, variables }) => {
    const { text: got, refused } = outcome(template, variables);
    if (refused === undefined) expect({ template, text: got }).toEqual({ template, text: error ?? text });
    return (refused !== undefined) === (error !== undefined);
  });
  return same.length / cases.length;
}

test('templates are written as jinja2 in the environment of transformers writes them, or refused', () => {
  const cases = golden.cases.map((each) => ({ ...each, variables: golden.variables }));
  expect(cases).toHaveLength(1500);
  expect(alike(cases)).toBeGreaterThan(0.98);
});

const path = shared('cases', 'jinja.json');
const { skip, reason } = needs(path, 'the cases');

test.skipIf(skip)(`templates as people write them are written alike${reason}`, () => {
  const cases = JSON.parse(readFileSync(path as string, 'utf8')) as (Case & {
    messages: unknown;
    addGenerationPrompt: boolean;
  })[];
  const timeless = cases.filter(({ template }) => !/%H|%I/.test(template)); // the hour it was
  const given = timeless.map(({ messages, addGenerationPrompt, ...each }) => ({
    ...each,
    variables: {
      messages,
      tools: null,
      documents: null,
      add_generation_prompt: addGenerationPrompt,
      ...{ bos_token: '<|bos|>', eos_token: '<|end|>', pad_token: '<|pad|>' },
    },
  }));
  const dated = given.filter(({ template }) => /strftime_now/.test(template) && !/length/.test(template));
  for (const { template, variables } of dated) expect(outcome(template, variables).text).toBeDefined();
  expect(alike(given.filter((each) => !dated.includes(each)))).toBe(1);
});

test('dates are written as strftime writes them', () => {
  const { format, dates } = golden.clock;
  const write = compile(`{{ strftime_now(${JSON.stringify(format)}) }}`);
  for (const { moment, text } of dates) {
    const [year = 0, month = 1, ...rest] = moment;
    const date = new Date(year, month - 1, ...(rest as [number, number, number, number]));
    expect(write({}, date)).toBe(text);
  }
  expect(outcome("{{ strftime_now('%Q') }}", {}).refused).toBe("'%Q' of strftime_now is not supported");
});

test.each([
  [
    'a generator is printed',
    '{{ [1] | map("string") }}',
    'printing a generator (make a list of it: |list) is not supported',
  ],
  ['a method is printed', "{{ 'a'.upper }}", 'printing a builtin_function_or_method is not supported'],
  ['other templates are read', "{% include 'a' %}", "the statement 'include' is not supported"],
  ['a filter is unknown', '{{ 1 | nope }}', "there is no filter 'nope'"],
  ['a filter is not here', "{{ 'a' | urlize }}", "the filter 'urlize' is not supported"],
  ['a method is not here', "{{ 'a'.encode() }}", "'encode' of a str is not supported"],
  ['a list is changed', '{% set x = [] %}{{ x.append(1) }}', "access to attribute 'append' of 'list' object is unsafe"],
  ['Python is reached for', "{{ ''.__class__.__mro__ }}", "access to attribute '__class__' of 'str' object is unsafe"],
  ['an undefined value is used', '{{ x.y }}', "'x' is undefined"],
  ['an exception is raised', "{{ raise_exception('no') }}", 'no'],
  ['a call has one argument too many', '{{ range(1, 2, 3, 4) }}', 'range expected 1 to 3 arguments'],
])('it is told when %s', (_, template, sentence) => {
  expect(outcome(template, {}).refused).toBe(sentence);
});

test('nothing of JavaScript is reached', () => {
  const names = ['constructor', 'toString', 'hasOwnProperty', 'valueOf', 'items.call', 'length'];
  for (const name of names) expect(outcome(`{{ x.${name} }}{{ [].${name} }}`, { x: {} }).text ?? '').toBe('');
  expect(written("{{ x['__proto__'].a }}{{ x.b }}", JSON.parse('{"x": {"__proto__": {"a": 1}, "b": 2}}'))).toBe('12');
});

/** Templates that would take forever, all memory or the stack. */
const hostile = [
  '{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}',
  "{% set ns = namespace(s='a') %}{% for a in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
  "{{ 'a' * 10 ** 12 }}",
  '{{ [0] * 10 ** 12 }}',
  '{{ 10 ** 10 ** 9 }}{{ (10 ** 4000) ** 4000 }}',
  '{{ range(10 ** 9) }}',
  '{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}',
  '{% for i in [[]] recursive %}{{ loop([i]) }}{% endfor %}',
  `{{ ${'('.repeat(50_000)}1${')'.repeat(50_000)} }}`,
  `{{ ${'-'.repeat(50_000)}1 }}`,
  `{{ ${'1+'.repeat(50_000)}1 }}`,
  `${'{% if 1 %}'.repeat(50_000)}${'{% endif %}'.repeat(50_000)}`,
  '{% set ns = namespace(x=[]) %}{% for a in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}',
  '{% set ns = namespace(x=1) %}{% set ns.x = ns %}{{ ns }}',
  '{% set ns = namespace(x=[1]) %}{% for a in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}',
  "{{ ('a' * 3000000) in ('a' * 2000000 + 'b') * 2 }}",
  "{{ ('a' * 1000000).replace('a', 'b' * 1000000) }}",
  "{{ '%99999999d' % 1 }}",
  "{{ '{:99999999}'.format(1) }}",
  "{{ ('{' * 200000).format() }}",
  "{{ 'a'.center(10 ** 10) }}{{ 'x' | indent(10 ** 9) }}",
  '{{ [1] | batch(10 ** 9, 0) | list }}',
];

test.each(hostile.map((template) => [template.slice(0, 60), template]))('%s is refused soon', (_, template) => {
  const begun = performance.now();
  expect(outcome(template, {}).refused).toMatch(/too long|too deeply|not supported|too big|too large/);
  expect(performance.now() - begun).toBeLessThan(4000);
});

test('a long conversation is no attack', () => {
  const content = 'word '.repeat(200_000);
  const messages = Array.from({ length: 20 }, (_, i) => ({ role: i % 2 ? 'assistant' : 'user', content }));
  const template =
    "{% for m in messages %}{% if '</think>' in m.content %}{{ m.content.split('</think>')[-1] }}{% else %}{{ m.content | trim }}{% endif %}{% endfor %}";
  expect(written(template, { messages })).toHaveLength(20 * (content.length - 1));
});
