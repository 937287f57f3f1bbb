import { describe, expect, test } from 'vitest';
import { call as run } from '../../test/command-line.ts';
import { CriaError } from '../base/index.ts';
import {
  argument,
  choice,
  defineVerb,
  flag,
  integer,
  integers,
  manyArguments,
  number,
  optionalArgument,
  repeated,
  several,
  text,
  type VerbEntry,
} from '../options/index.ts';

const echo = defineVerb({
  arguments: { model: argument('a model'), prompt: optionalArgument('a prompt') },
  options: {
    maxTokens: integer('how many', { default: 128, min: 1, max: 4096 }),
    temperature: number('how wild', { min: 0 }),
    weights: choice(['auto', 'f32'], 'precision', 'auto'),
    stop: repeated(text('where to stop')),
    keep: several(text('what stays')),
    sizes: integers('several', 1),
    force: flag('replace'),
    shuffle: flag('in the order of the file', true),
  },
  examples: ['echo cria-tiny hello'],
  async run({ args, options, progress, print }) {
    progress.note('thinking');
    print('said\n');
    return { args, options };
  },
});

const throwing = (error: unknown): VerbEntry => ({
  name: 'fail',
  summary: 'fails',
  load: async () => ({ verb: defineVerb({ arguments: {}, options: {}, run: () => Promise.reject(error) }) }),
});

const entries: VerbEntry[] = [
  { name: 'echo', summary: 'says what it was given', load: async () => ({ verb: echo }) },
  { name: 'untouched', summary: 'is not loaded', load: () => Promise.reject(new Error('was loaded')) },
];

const two: VerbEntry = { name: 'echo twice', summary: 'has a name of two words', load: async () => ({ verb: echo }) };

const call = (argv: string[], options: Omit<Parameters<typeof run>[1], 'entries'> = {}, table = entries) =>
  run(argv, { entries: table, ...options });

const given = async (...argv: string[]) => JSON.parse((await call(['echo', 'm', '--json', ...argv])).out);

test('a verb may have a name of two words, and another its first word', async () => {
  const both = [...entries, two];
  const twice = await call(['echo', 'twice', 'm', '--json'], {}, both);
  expect(JSON.parse(twice.out).args).toEqual({ model: 'm' });
  const once = await call(['echo', 'thrice', 'm', '--json'], {}, both);
  expect(JSON.parse(once.out).args).toEqual({ model: 'thrice', prompt: 'm' });
  expect((await call(['echo', 'twice', '--help'], {}, both)).out).toContain('Usage: cria echo twice [options] <model>');
  expect((await call(['help', 'echo', 'twice'], {}, both)).out).toContain('Usage: cria echo twice');
});

describe('values', () => {
  test('what is not given has its default', async () => {
    expect(await given()).toEqual({
      args: { model: 'm' },
      options: {
        maxTokens: 128,
        weights: 'auto',
        stop: [],
        keep: [],
        sizes: [],
        force: false,
        shuffle: true,
        seed: 0,
        json: true,
        quiet: false,
      },
    });
  });

  test('what is given is read as its type', async () => {
    const words = 'hi --max-tokens 7 --temperature .5 --weights f32 --stop a --stop -b --force --no-shuffle --seed 1e3';
    expect(await given(...words.split(' '))).toMatchObject({
      args: { prompt: 'hi' },
      options: {
        maxTokens: 7,
        temperature: 0.5,
        weights: 'f32',
        stop: ['a', '-b'],
        force: true,
        shuffle: false,
        seed: 1000,
      },
    });
  });

  test('whole numbers apart by commas are a list, by default an empty one', async () => {
    const sizesOf = async (...argv: string[]) =>
      JSON.parse((await call(['echo', 'm', '--json', ...argv])).out).options.sizes;
    expect(await sizesOf('--sizes', '8, 16,1')).toEqual([8, 16, 1]);
    expect(await sizesOf()).toEqual([]);
  });

  test('an option that takes several words takes all up to the next option, and may be repeated', async () => {
    const { options } = await given('--keep', 'a', 'b', '--force', '--keep', 'c', '--seed', '1');
    expect(options).toMatchObject({ keep: ['a', 'b', 'c'], force: true, seed: 1 });
    expect((await call(['echo', '--help'])).out).toContain('--keep <text...>');
  });

  test('an argument that takes many words gives their list', async () => {
    const verb = defineVerb({ arguments: { models: manyArguments('') }, options: {}, run: async ({ args }) => args });
    const { out } = await call(['some', 'a', 'b', '--json'], {}, [
      { name: 'some', summary: '', load: async () => ({ verb }) },
    ]);
    expect(JSON.parse(out)).toEqual({ models: ['a', 'b'] });
  });

  test.each([
    ['--max-tokens', '0', "must be an integer from 1 to 4096 (got '0')"],
    ['--max-tokens', '1.5', "must be an integer from 1 to 4096 (got '1.5')"],
    ['--max-tokens', '', "must be an integer from 1 to 4096 (got '')"],
    ['--temperature', '-1', "must be a number of at least 0 (got '-1')"],
    ['--temperature', 'Infinity', "must be a number of at least 0 (got 'Infinity')"],
    ['--temperature', '1e999', "must be a number of at least 0 (got '1e999')"],
    ['--sizes', '8,0', "must be an integer of at least 1 (got '0')"],
    ['--sizes', '8,,9', "must be an integer of at least 1 (got '')"],
    ['--weights', 'f64', "must be one of auto, f32 (got 'f64')"],
  ])('%s %j is refused with a sentence that names the option and the remedy', async (option, value, sentence) => {
    expect(await call(['echo', 'm', option, value])).toEqual({
      code: 2,
      out: '',
      err: `cria: ${option}: ${sentence}\n`,
    });
  });
});

describe('words', () => {
  test.each([
    [['ecko', '--help'], "unknown command 'ecko' (Did you mean echo?)"],
    [['echo', 'm', '--max-token', '3'], "unknown option '--max-token' (Did you mean --max-tokens?)"],
    [['echo'], "missing required argument 'model' (see --help)"],
    [['echo', 'm', 'p', 'q'], "too many arguments for 'echo'. Expected 2 arguments but got 3. (see --help)"],
    [['echo', 'm', '--stop'], "option '--stop <text>' argument missing (see --help)"],
    [['help', 'nothing'], "unknown command 'nothing' (see --help)"],
  ])('%j is one line on stderr and exit code 2', async (argv, sentence) => {
    expect(await call(argv)).toEqual({ code: 2, out: '', err: `cria: ${sentence}\n` });
  });

  test.each([[[]], [['--help']], [['help']]])('%j lists the verbs without loading one', async (argv) => {
    const { code, out, err } = await call(argv);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/echo +says what it was given/);
    expect(out).toMatch(/untouched +is not loaded/);
  });

  test.each([[['echo', '--help']], [['help', 'echo']]])('%j shows arguments, options and examples', async (argv) => {
    const { code, out } = await call(argv);
    expect(code).toBe(0);
    expect(out).toContain('Usage: cria echo [options] <model> [prompt]');
    expect(out).toMatch(/--max-tokens <n> +how many \(default: 128\)/);
    expect(out).toMatch(/--no-shuffle +in the order of the file/);
    expect(out).toMatch(/Common options:\n.*--seed <n>/);
    expect(out).toContain('cria echo cria-tiny hello');
  });

  test('--version is the version of the package', async () => {
    expect((await call(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('streams', () => {
  test('text goes to stdout and progress to stderr', async () => {
    expect(await call(['echo', 'm'])).toEqual({ code: 0, out: 'said\n', err: 'thinking\n' });
  });

  test('--json leaves one object alone on stdout', async () => {
    const { out, err } = await call(['echo', 'm', '--json']);
    expect(err).toBe('thinking\n');
    expect(out.split('\n')).toHaveLength(2);
    expect(JSON.parse(out)).toMatchObject({ args: { model: 'm' } });
  });

  test('--json writes typed arrays as lists and integers of 64 bits as numbers', async () => {
    const result = { ids: Int32Array.of(1, -2), rows: [Float32Array.of(0.5)], big: 5n, huge: 2n ** 64n };
    const verb = defineVerb({ arguments: {}, options: {}, run: async () => result });
    const { out } = await call(['some', '--json'], {}, [{ name: 'some', summary: '', load: async () => ({ verb }) }]);
    expect(JSON.parse(out)).toEqual({ ids: [1, -2], rows: [[0.5]], big: 5, huge: '18446744073709551616' });
  });

  test('--quiet keeps progress back', async () => {
    expect(await call(['echo', 'm', '--quiet'])).toEqual({ code: 0, out: 'said\n', err: '' });
  });
});

describe('errors', () => {
  test.each([
    [
      'an input that the user can mend',
      new CriaError('is empty', { where: 'a.txt', remedy: 'fill it' }),
      2,
      'a.txt: is empty (fill it)',
    ],
    ['a failure', new CriaError('the disk is full', { kind: 'failure' }), 1, 'the disk is full'],
    ['a surprise', new TypeError('x is\n  undefined'), 1, 'unexpected: x is undefined (CRIA_DEBUG=1 shows where)'],
    ['something that is no error', 'text', 1, 'unexpected: text (CRIA_DEBUG=1 shows where)'],
  ])('%s is one line and its exit code', async (_, error, code, sentence) => {
    expect(await call(['fail', '--json'], {}, [throwing(error)])).toEqual({
      code,
      out: '',
      err: `cria: ${sentence}\n`,
    });
  });

  test('CRIA_DEBUG=1 adds the stack', async () => {
    const { err } = await call(['fail'], { debug: true }, [throwing(new TypeError('x'))]);
    expect(err).toMatch(/TypeError: x\n +at .*run\.test\.ts/);
  });

  const signal = AbortSignal.abort();

  test.each([signal.reason, new DOMException('stopped', 'AbortError')])(
    'an interrupted verb ends with 130',
    async (error) => {
      const { code, err } = await call(['fail'], { signal }, [throwing(error)]);
      expect({ code, err }).toEqual({ code: 130, err: 'cria: interrupted\n' });
    },
  );

  test('what goes wrong while a verb stops is told', async () => {
    const full = new CriaError('the disk is full', { where: 'out.training', kind: 'failure' });
    const { code, err } = await call(['fail'], { signal }, [throwing(full)]);
    expect({ code, err }).toEqual({ code: 1, err: 'cria: out.training: the disk is full\n' });
  });

  test('an interrupted verb that returns what it has ends with 130', async () => {
    expect((await call(['echo', 'm', '--quiet'], { signal: AbortSignal.abort() })).code).toBe(130);
  });
});
