import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { provenanceOf, writeAdapterFolder } from '../../src/artifact/index.ts';
import { type LoraAdapter, type LoraModule, readAdapter } from '../../src/checkpoint/index.ts';
import { call } from '../command-line.ts';
import { temporaryFolder } from '../hostile.ts';
import { adapterPath } from '../model/goldens.ts';
import { dataFile, linesIn, logIn, rows, tinyModel } from './tiny.ts';

const scratch = mkdtempSync(join(tmpdir(), 'cria-train-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const quick = ['--threads', '1', '--quiet'];

/** A model that has learned the words, and not yet which comes after which. */
const taught = join(scratch, 'taught');
beforeAll(async () => {
  const fresh = await tinyModel({}, join(scratch, 'fresh'));
  const reversed = rows.text.map(({ text }) => ({ text: text.split(' ').reverse().join(' ') }));
  const data = dataFile([...rows.text, ...reversed], join(scratch, 'taught.jsonl'));
  const how = ['--mode', 'full', '--steps', '25', '--batch', '8', '--lr', '0.03', '--packing', 'none'];
  expect(await call(['train', fresh, taught, '--data', data, ...how, ...quick])).toMatchObject({ code: 0, err: '' });
});

let out: string;
beforeEach(() => {
  out = join(temporaryFolder(), 'out');
});

const rates = { lora: '0.05', full: '0.01', prompt: '0.2', prefix: '0.2' };

describe.each(['lora', 'full', 'prompt', 'prefix'] as const)('%s', (mode) => {
  test.each(['ce', 'dpo', 'kd'])('%s: the loss falls, and every step is in the log', async (loss) => {
    const data = dataFile(loss === 'dpo' ? rows.preferences : rows.completion);
    const log = join(temporaryFolder(), 'log.jsonl');
    const teacher = loss === 'kd' ? ['--teacher', await tinyModel()] : [];
    const argv = ['train', taught, out, '--data', data, '--mode', mode, '--loss', loss, ...teacher];
    const how = ['--lr', rates[mode], '--steps', '12', '--batch', '12', '--log', log, '--beta', '1', '--json'];
    const told = await call([...argv, ...how, ...quick, '--rank', '4', '--virtual-tokens', '4']);
    expect(told).toMatchObject({ code: 0, err: '' });
    const result = JSON.parse(told.out);
    const lines = logIn(log);
    expect(lines.map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    expect(lines.every(({ gradNorm, tokensPerSecond }) => gradNorm > 0 && tokensPerSecond > 0)).toBe(true);
    expect(result).toMatchObject({ steps: 12, loss: lines.at(-1)?.loss, path: out, seconds: expect.any(Number) });
    expect(result.loss).toBeLessThan((lines[0]?.loss as number) * 0.96);
    expect(readdirSync(dirname(out))).toEqual(['out']);
  });
});

const train = (...argv: readonly string[]) => call(['train', taught, out, ...argv, ...quick]);

test('--template writes conversations in place of the template of the model', async () => {
  const data = dataFile([
    {
      messages: [
        { role: 'user', content: 'after two', mood: 'calm' },
        { role: 'assistant', content: 'comes three.' },
      ],
    },
  ]);
  const steps = ['--data', data, '--steps', '1', '--rank', '2'];
  expect(await train(...steps)).toMatchObject({ code: 2, err: expect.stringContaining("does not read 'mood'") });
  const template = join(temporaryFolder(), 'plain.jinja');
  writeFileSync(template, '{% for message in messages %}{{ message.mood }} {{ message.content }} {% endfor %}');
  const named = await train(...steps, '--template', template);
  expect(named).toMatchObject({ code: 0, err: '' });
  expect(readFileSync(join(out, 'cria.json'), 'utf8')).toContain('plain.jinja');
  expect(await train(...steps, '--template', `${template}2`, '--force')).toMatchObject({ code: 2 });
  const eva = ['eva', taught, `${out}-eva`, '--data', data, '--rank', '2', '--packing', 'none', ...quick];
  expect(await call([...eva, '--template', template])).toMatchObject({ code: 0 });
});

/** Log-probabilities of a text as a model gives them. */
async function scored(...argv: readonly string[]): Promise<readonly number[]> {
  const text = dataFile([{ text: 'after two comes three.' }]);
  const told = await call(['score', ...argv, '--file', text, '--json', ...quick]);
  expect(told.code, told.err).toBe(0);
  return JSON.parse(told.out).rows[0].logprobs.slice(1);
}

test('LoRA that has learned nothing yet changes no logit', async () => {
  expect((await train('--data', dataFile(rows.text), '--steps', '1', '--lr', '0')).code).toBe(0);
  expect([...(readAdapter(out) as LoraAdapter).modules.values()].every(({ b }) => b.every((x) => x === 0))).toBe(true);
  expect(await scored(taught, '--adapter', out)).toEqual(await scored(taught));
});

test.each([
  [['lora', '--rank', '2', '--alpha', '5', '--targets', 'q_proj,up_proj'], ['--rank', '4'], '--rank'],
  [['lora', '--rank', '2', '--alpha', '5', '--targets', 'q_proj,up_proj'], ['--alpha', '9'], '--alpha'],
  [['lora', '--rank', '2', '--alpha', '5', '--targets', 'q_proj,up_proj'], ['--rslora'], '--rslora'],
  [['lora', '--rank', '2', '--alpha', '5', '--targets', 'q_proj,up_proj'], ['--targets', 'q_proj'], '--targets'],
  [['prompt', '--virtual-tokens', '2'], ['--virtual-tokens', '3'], '--virtual-tokens'],
])('an adapter of %j is gone on with as it is, and not with %j', async ([mode = '', ...made], other, option) => {
  const first = join(temporaryFolder(), 'first');
  const how = ['--data', dataFile(rows.completion), '--steps', '1', '--mode', mode];
  expect((await call(['train', taught, first, ...how, ...made, ...quick])).code).toBe(0);
  const { code, err } = await train(...how, '--init', first, ...other);
  expect([code, err]).toEqual([
    2,
    `cria: ${option}: differs from the value of the --init adapter (leave it or --init out)\n`,
  ]);
  expect((await train(...how, '--init', first, ...made)).code).toBe(0);
});

test('--init eva trains modules of uneven ranks, says what it does not take, and leaves nothing beside the result', async () => {
  const how = ['--data', dataFile(rows.text), '--init', 'eva', '--rank', '3', '--batch', '6', '--lr', '0.02'];
  const { code, err } = await call(['train', taught, out, ...how, '--steps', '4', '--alpha', '5', '--threads', '1']);
  expect([code, err]).toEqual([0, expect.stringContaining('--alpha and --rslora are ignored')]);
  const { modules } = readAdapter(out) as LoraAdapter;
  expect(new Set([...modules.values()].map(({ rank }) => rank)).size).toBeGreaterThan(1);
  expect([...modules.values()].reduce((sum, { rank }) => sum + rank, 0)).toBe(3 * 14);
  expect([...modules.values()].some(({ b }) => b.some((x) => x !== 0))).toBe(true);
  expect(readdirSync(dirname(out))).toEqual(['out']);
});

test('--init eva reads the preferred answers of preferences', async () => {
  const how = ['--data', dataFile(rows.preferences), '--loss', 'dpo', '--init', 'eva', '--rank', '2', '--batch', '6'];
  expect(await train(...how, '--steps', '2')).toMatchObject({ code: 0, err: '' });
  expect((readAdapter(out) as LoraAdapter).modules.size).toBeGreaterThan(0);
});

test('what is wrong is said before EVA reads anything, and an unfinished run keeps its start', async () => {
  const how = ['--data', dataFile(rows.text), '--init', 'eva', '--rank', '2', '--batch', '6'];
  const late = await train(...how, '--accumulate', '7');
  expect(late).toMatchObject({
    code: 2,
    err: expect.stringContaining('a batch of 6 cannot be split into 7 micro-batches'),
  });
  expect(readdirSync(dirname(out))).toEqual([]);
  const stop = new AbortController();
  const log = join(temporaryFolder(), 'log.jsonl');
  const watch = setInterval(() => linesIn(log) > 2 && stop.abort(), 0);
  const argv = ['train', taught, out, ...how, '--steps', '40', '--log', log, ...quick];
  expect((await call(argv, { signal: stop.signal })).code).toBe(130);
  clearInterval(watch);
  const state = `${out}.training`;
  expect(readdirSync(state).sort()).toEqual(['settings.json', 'start', 'state.safetensors']);
  const start = readFileSync(join(state, 'start', 'adapter_model.safetensors'));
  expect((await call(argv)).err).toContain('holds an unfinished run');
  const other = await call([...argv, '--resume', '--seed', '1']);
  expect(other.err).toContain('out.training: the run was started with other options: seed was 0 and is 1');
  const smaller = await call([...argv.with(argv.indexOf('--rank') + 1, '1'), '--resume']);
  expect(smaller.err).toContain('start: the run was started with other options: rank was 2 and is 1'); // a setting of EVA's
  expect(readFileSync(join(state, 'start', 'adapter_model.safetensors'))).toEqual(start);
  expect(await call([...argv, '--resume'])).toMatchObject({ code: 0, err: '' });
  expect(readdirSync(dirname(out))).toEqual(['out']);
});

test('an output that is named with a slash at its end is the same output', async () => {
  const how = ['--data', dataFile(rows.text), '--steps', '2', '--init', 'eva', '--rank', '2', '--batch', '6'];
  expect(await call(['train', taught, `${out}/`, ...how, ...quick])).toMatchObject({ code: 0, err: '' });
  expect(readdirSync(dirname(out))).toEqual(['out']);
});

test('an adapter of the head is trained where the head is the table of embeddings', async () => {
  const first = join(temporaryFolder(), 'first');
  const how = ['--data', dataFile(rows.text), '--lr', '0.05', '--steps', '2'];
  expect((await call(['train', taught, first, ...how, '--targets', 'q_proj', '--rank', '2', ...quick])).code).toBe(0);
  const adapter = readAdapter(first) as LoraAdapter;
  const [layer] = [...adapter.modules.values()] as [LoraModule];
  const head = { ...layer, out: 300, b: new Float32Array(300 * layer.rank) };
  const both = { ...adapter, modules: new Map([...adapter.modules, ['lm_head', head]]) };
  const start = join(temporaryFolder(), 'start');
  await writeAdapterFolder(start, both, provenanceOf('test', taught, {}, 0), false);
  expect(await train(...how, '--init', start)).toMatchObject({ code: 0, err: '' });
  expect((readAdapter(out) as LoraAdapter).modules.get('lm_head')?.b.some((x) => x !== 0)).toBe(true);
});

test('--init goes on with an adapter where another run has ended', async () => {
  const data = dataFile(rows.completion);
  const [first, log] = [join(temporaryFolder(), 'first'), join(temporaryFolder(), 'log.jsonl')];
  const how = ['--data', data, '--batch', '12', '--lr', '0.02', '--steps', '6', '--targets', 'q_proj,up_proj'];
  expect((await call(['train', taught, first, ...how, ...quick])).code).toBe(0);
  expect((await train(...how, '--init', first, '--log', log)).code).toBe(0);
  const fresh = join(temporaryFolder(), 'log.jsonl');
  expect((await train(...how, '--force', '--log', fresh)).code).toBe(0);
  const [begun, started] = [logIn(log)[0]?.loss as number, logIn(fresh)[0]?.loss as number];
  expect(begun).toBeLessThan(started * 0.95);
  expect([...(readAdapter(out) as LoraAdapter).modules.keys()].map((path) => path.split('.').at(-1))).toEqual(
    expect.arrayContaining(['q_proj', 'up_proj']),
  );
});

test('full training writes a model that opens, and that is what was trained', async () => {
  const data = dataFile(rows.text);
  const how = ['--data', data, '--valid', data, '--mode', 'full', '--packing', 'none', '--json'];
  const told = await train(...how, '--lr', '0.005', '--steps', '6');
  const { validBefore, validAfter } = JSON.parse(told.out);
  expect(validAfter).toBeLessThan(validBefore);
  expect(readdirSync(out).sort()).toEqual(readdirSync(taught).sort());
  const before = (await scored(taught)).reduce((sum, x) => sum + x);
  expect((await scored(out)).reduce((sum, x) => sum + x)).toBeGreaterThan(before);
  const again = await call(['train', out, `${out}2`, ...how, '--lr', '0', ...quick]);
  expect(JSON.parse(again.out).validBefore).toBe(validAfter);
});

test('a batch that is read in pieces is the same batch', async () => {
  const logs = await Promise.all(
    ['1', '2', '5'].map(async (pieces) => {
      const log = join(temporaryFolder(), 'log.jsonl');
      const how = ['--data', dataFile(rows.completion), '--batch', '5', '--accumulate', pieces, '--steps', '4'];
      await call(['train', taught, `${out}${pieces}`, ...how, '--lr', '0.05', '--log', log, ...quick]);
      return logIn(log);
    }),
  );
  const [whole, ...others] = logs as [ReturnType<typeof logIn>, ...ReturnType<typeof logIn>[]];
  for (const lines of others) {
    for (const [i, { loss, gradNorm }] of lines.entries()) {
      expect(loss).toBeCloseTo(whole[i]?.loss as number, 4);
      expect(gradNorm).toBeCloseTo(whole[i]?.gradNorm as number, 3);
    }
  }
});

test('virtual tokens leave room for texts by default', async () => {
  const { code, err } = await train(
    '--data',
    dataFile(rows.text),
    '--mode',
    'prefix',
    '--virtual-tokens',
    '40',
    '--steps',
    '1',
  );
  expect({ code, err }).toEqual({ code: 0, err: '' });
});

describe('is refused in one sentence, and nothing is written:', () => {
  const data = () => dataFile(rows.text);
  const some = (name: string, content: string | Uint8Array) => {
    const path = join(temporaryFolder(), name);
    writeFileSync(path, content);
    return path;
  };
  const badRow = [...rows.completion.slice(0, 2), { prompt: 'x' }];

  test.each<[string, () => readonly string[] | Promise<readonly string[]>, string]>([
    ['no data', () => [], '--data is required (for example --data train.jsonl)'],
    ['data that is missing', () => ['--data', 'no/such.jsonl'], 'no/such.jsonl: does not exist'],
    ['empty data', () => ['--data', some('empty.jsonl', '')], 'empty.jsonl: has no target tokens'],
    ['an empty text', () => ['--data', some('empty.txt', '')], 'empty.txt: has no target tokens'],
    ['one token', () => ['--data', some('a.txt', 'a')], 'a.txt: has no target tokens within sequences of 48 tokens'],
    ['an unknown kind of file', () => ['--data', some('a.xml', '')], 'a.xml: has no extension of a data file'],
    ['data that is not UTF-8', () => ['--data', some('a.txt', Buffer.from([0x61, 0xff]))], 'is not text in UTF-8'],
    ['rows that are not UTF-8', () => ['--data', some('a.jsonl', Buffer.from([0xff]))], 'is not text in UTF-8'],
    ['a row without its column', () => ['--data', dataFile(badRow)], "data.jsonl: row 3: has no column 'completion'"],
    ['a row of no form', () => ['--data', dataFile([{ a: 'b' }])], 'data.jsonl: row 1: has none of the columns'],
    ['a pair without an answer', () => ['--data', data(), '--loss', 'dpo'], "row 1: has no column 'prompt'"],
    ['a column that is missing', () => ['--data', data(), '--columns', 'text=b'], "row 1: has no column 'b'"],
    ['held-out data of no form', () => ['--data', data(), '--valid', dataFile([{}])], 'row 1: has none of the columns'],
    [
      'a long sequence',
      () => ['--data', data(), '--sequence', '49'],
      '--sequence: 49 tokens do not fit in the context of 48 (use at most 48)',
    ],
    [
      'many virtual tokens',
      () => ['--data', data(), '--mode', 'prompt', '--virtual-tokens', '48'],
      '48 virtual tokens leave no room',
    ],
    [
      'a large rank',
      () => ['--data', data(), '--rank', '17'],
      '--rank: a rank of 17 is too large for self_attn.q_proj of 16 x 16 (use at most 16)',
    ],
    [
      'an unknown target',
      () => ['--data', data(), '--targets', 'q_proj,x'],
      "--targets: 'x' is not a linear layer (use some of q_proj",
    ],
    [
      'many pieces',
      () => ['--data', data(), '--accumulate', '5'],
      '--accumulate: a batch of 4 cannot be split into 5 micro-batches (use at most 4)',
    ],
    ['an alpha of nothing', () => ['--data', data(), '--alpha', '0'], '--alpha: must be positive (got 0)'],
    [
      'tokens to skip of texts that stand apart',
      () => ['--data', dataFile(rows.completion), '--skip-tokens', '3'],
      '--skip-tokens: requires --packing concat',
    ],
    [
      'pairs to join',
      () => ['--data', dataFile(rows.preferences), '--loss', 'dpo', '--packing', 'concat'],
      '--packing: is not available with --loss dpo',
    ],
    [
      'a teacher of a shorter context',
      async () => ['--data', data(), '--loss', 'kd', '--teacher', await tinyModel({ max_position_embeddings: 20 })],
      'the context of the teacher, 20 tokens, is shorter than --sequence 48 (pass --sequence 20)',
    ],
    [
      'a model with an adapter',
      async () => {
        const first = join(temporaryFolder(), 'first');
        await call(['train', taught, first, '--data', data(), '--steps', '1', ...quick]);
        return ['--data', data(), '--adapter', first];
      },
      'cannot train with --adapter (merge it first (cria merge), or continue it with --init)',
    ],
    ['no teacher', () => ['--data', data(), '--loss', 'kd'], '--loss kd requires --teacher (pass --teacher MODEL)'],
    [
      'a teacher of another vocabulary',
      async () => ['--data', data(), '--loss', 'kd', '--teacher', await tinyModel({ vocab_size: 310 })],
      'the vocabulary of the teacher has 310 tokens, that of the model 300',
    ],
    [
      'held-out pairs',
      () => ['--data', dataFile(rows.preferences), '--loss', 'dpo', '--valid', data()],
      '--valid: requires --loss ce',
    ],
    [
      'an adapter of another model',
      () => ['--data', data(), '--init', adapterPath('lora')],
      `${adapterPath('lora')}: it adapts model.layers.0`,
    ],
    [
      'an adapter of another kind',
      () => ['--data', data(), '--init', adapterPath('prompt')],
      'holds a prompt adapter, but --mode is lora (pass --mode prompt',
    ],
    [
      'an adapter for the whole model',
      () => ['--data', data(), '--init', adapterPath('lora'), '--mode', 'full'],
      '--init: is not available with --mode full',
    ],
    [
      'packed weights to train',
      () => ['--data', data(), '--mode', 'full', '--weights', 'q8'],
      '--weights: must be f32 with --mode full',
    ],
    [
      'resuming nothing',
      () => ['--data', data(), '--resume'],
      'there is no unfinished run to resume (leave --resume out)',
    ],
    [
      'a log in a folder that is missing',
      () => ['--data', data(), '--log', 'no/such/log.jsonl'],
      'no/such/log.jsonl: cannot be written',
    ],
    [
      'an unknown mode',
      () => ['--data', data(), '--mode', 'all'],
      "must be one of lora, full, prompt, prefix (got 'all')",
    ],
    ['no steps', () => ['--data', data(), '--steps', '0'], "must be an integer of at least 1 (got '0')"],
  ])('%s', async (_, argv, sentence) => {
    const { code, out: printed, err } = await train(...(await argv()));
    expect(err).toContain(sentence);
    expect({ code, printed, lines: err.split('\n').length }).toEqual({ code: 2, printed: '', lines: 2 });
    expect(readdirSync(dirname(out))).toEqual([]);
  });

  test('an output that exists, and what is read', async () => {
    writeFileSync(out, '');
    expect(await train('--data', data())).toMatchObject({ code: 2, err: expect.stringContaining('already exists') });
    const onto = await call(['train', taught, taught, '--data', data(), '--force', ...quick]);
    expect(onto).toMatchObject({ code: 2, err: expect.stringContaining('is or contains the input') });
  });

  test('a place beside the output that something else takes', async () => {
    const place = `${out}.training`;
    mkdirSync(place);
    const own = dataFile(rows.text, join(place, 'rows.jsonl'));
    const { code, err } = await train('--data', own, '--steps', '1');
    expect([code, err]).toEqual([
      2,
      expect.stringContaining('out.training: holds rows.jsonl, which does not belong to a run'),
    ]);
    expect(existsSync(own)).toBe(true);
  });

  test('an output where nothing can be written', async () => {
    writeFileSync(out, '');
    const { code, err } = await call(['train', taught, join(out, 'inside'), '--data', data(), ...quick]);
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining('cannot be written') });
  });
});
