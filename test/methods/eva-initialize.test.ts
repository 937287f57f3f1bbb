import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { provenanceOf } from '../../src/artifact/index.ts';
import { type Progress, silent } from '../../src/base/index.ts';
import { readAdapter } from '../../src/checkpoint/index.ts';
import {
  evaDefaults,
  type InitializeOptions,
  initializeAdapter,
  initializeAgain,
} from '../../src/methods/eva/index.ts';
import { openTokenizer, type Tokenizer } from '../../src/tokenizer/index.ts';
import { call } from '../command-line.ts';
import { refusalOf, temporaryFolder } from '../hostile.ts';
import { goldenPath, opened } from '../model/goldens.ts';
import { needs, shared } from '../shared.ts';
import { dataFile, rows, tinyModel } from '../train/tiny.ts';

const tiny = goldenPath('llama-gqa');
const provenance = provenanceOf('eva', tiny, {}, 0);

/** A tokenizer with an id for every byte. */
const bytes = { encode: (text: string) => [...Buffer.from(text)].map((byte) => byte % 64) } as unknown as Tokenizer;

function textFile(): string {
  const path = join(temporaryFolder(), 'text.txt');
  writeFileSync(path, Array.from({ length: 300 }, (_, i) => `${i * i} llamas graze; `).join(''));
  return path;
}

const optionsFor = (data: string): InitializeOptions => ({
  ...{ ...evaDefaults, data, rank: 3, tau: 0.95, maxBatches: 6, batch: 2, sequence: 20 },
  ...{ packing: 'auto', skipTokens: 0, trainOnPrompts: false, shuffle: true, seed: 1, resume: false, force: false },
});

/** Runs into `out`; stops at the given number of batches as Ctrl-C does. */
async function initialize(
  out: string,
  options: InitializeOptions,
  stopAfter = Number.POSITIVE_INFINITY,
  { source = tiny, tokenizer = bytes } = {},
) {
  const controller = new AbortController();
  let steps = 0;
  const progress: Progress = {
    ...silent,
    step: (label) => {
      if (label === 'inputs' && ++steps > stopAfter) controller.abort(new Error('stopped'));
    },
  };
  return initializeAdapter(opened(source, { progress }), tokenizer, out, options, provenance, controller.signal);
}

const contents = (folder: string) =>
  Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name)).toString('latin1')]));

test('a folder has an adapter, its state, a page and what made it; the same run gives the same bytes', async () => {
  const [data, folder] = [textFile(), temporaryFolder()];
  const { adapter } = await initialize(join(folder, 'a'), optionsFor(data));
  await initialize(join(folder, 'b'), optionsFor(data));
  expect(readdirSync(join(folder, 'a')).sort()).toEqual([
    ...['adapter_config.json', 'adapter_model.safetensors', 'cria.json', 'eva.safetensors', 'ranks.svg', 'report.html'],
  ]);
  expect(contents(join(folder, 'a'))).toEqual(contents(join(folder, 'b')));
  expect(readAdapter(join(folder, 'a'))).toMatchObject({ kind: 'lora', rslora: false });
  expect(readFileSync(join(folder, 'a', 'report.html'), 'utf8')).toContain('Rank of every module');
  expect(readFileSync(join(folder, 'a', 'ranks.svg'), 'utf8')).toMatch(/^<svg xmlns.*Ranks by layer and linear map/);
  const config = JSON.parse(readFileSync(join(folder, 'a', 'adapter_config.json'), 'utf8'));
  expect(config.lora_alpha / config.r).toBe(1);
  expect(config.target_modules).toHaveLength(adapter.modules.size);
});

test('an interrupted run goes on to the same bytes, and leaves nothing beside them', async () => {
  const [data, folder] = [textFile(), temporaryFolder()];
  const options = optionsFor(data);
  await initialize(join(folder, 'whole'), options);
  const out = join(folder, 'out');
  await expect(initialize(out, options, 3)).rejects.toThrow('stopped');
  expect(readdirSync(folder).sort()).toEqual(['out.eva', 'whole']);
  expect(await refusalOf(() => initialize(out, options))).toContain('holds an unfinished run');
  expect(await refusalOf(() => initialize(out, { ...options, resume: true, rank: 2 }))).toContain(
    'rank was 3 and is 2',
  );
  await initialize(out, { ...options, resume: true });
  expect(contents(out)).toEqual(contents(join(folder, 'whole')));
  expect(existsSync(`${out}.eva`)).toBe(false);
  expect(await refusalOf(() => initialize(join(folder, 'new'), { ...options, resume: true }))).toContain(
    'there is no unfinished run to resume',
  );
});

test('an earlier folder gives another budget', async () => {
  const folder = temporaryFolder();
  const targets = ['o_proj', 'down_proj'];
  await initialize(join(folder, 'a'), { ...optionsFor(textFile()), targets });
  const less = { rank: 1, whiten: false, force: false };
  const { ranks } = await initializeAgain(opened(tiny), join(folder, 'a'), join(folder, 'b'), less, provenance);
  expect([...ranks.values()].reduce((a, b) => a + b)).toBe(4);
  expect(await refusalOf(() => initializeAgain(opened(tiny), tiny, join(folder, 'c'), less, provenance))).toContain(
    'eva.safetensors',
  );
});

test.each([
  [['--data', 'a.jsonl', '--from', 'b'], 'exactly one of --data and --from is required'],
  [[], 'for example --data train.jsonl'],
  [['--data', 'a.jsonl', '--rho', '0.5'], 'must be a number from 1 to 1000'],
])('eva %s is refused: %s', async (argv, sentence) => {
  const { code, err } = await call(['eva', tiny, join(temporaryFolder(), 'out'), ...argv]);
  expect(code).toBe(2);
  expect(err).toContain(sentence);
});

test('the command line resumes a run whatever it is asked to print, and reads what it writes over never', async () => {
  const source = await tinyModel({}, join(temporaryFolder(), 'model'));
  const data = dataFile(rows.text);
  const folder = temporaryFolder();
  const out = join(folder, 'start');
  const argv = [
    'eva',
    source,
    `${out}/`,
    '--data',
    data,
    '--rank',
    '3',
    '--tau',
    '0.95',
    '--batch',
    '2',
    '--seed',
    '1',
  ];
  const whole = await call([...argv.with(2, join(folder, 'whole')), '--sequence', '20', '--quiet']);
  expect(whole.code).toBe(0);
  const { checkpoint } = opened(source);
  const tokenizer = openTokenizer(checkpoint.tokenizer, checkpoint.generation);
  const stopped = initialize(out, { ...optionsFor(data), maxBatches: 500 }, 1, { source, tokenizer });
  await expect(stopped).rejects.toThrow('stopped');
  expect(readdirSync(folder).sort()).toEqual(['start.eva', 'whole']);
  const more = await call([...argv, '--sequence', '20', '--resume', '--json', '--quiet', '--threads', '1']);
  expect([more.code, more.err]).toEqual([0, '']);
  const weights = (path: string) => readFileSync(join(path, 'adapter_model.safetensors'));
  expect(weights(out)).toEqual(weights(join(folder, 'whole')));
  expect(readdirSync(folder).sort()).toEqual(['start', 'whole']);
  for (const target of [source, data]) {
    const { code, err } = await call(['eva', source, target, '--data', data, '--force', '--quiet']);
    expect([code, err]).toEqual([2, expect.stringContaining('(choose another output)')]);
  }
});

test('data of one short text is read once a batch, and components without variance get no rank', async () => {
  const source = await tinyModel({}, join(temporaryFolder(), 'model'));
  const out = join(temporaryFolder(), 'start');
  const sizes = ['--rank', '1', '--rho', '1', '--batch', '4', '--max-batches', '3'];
  const argv = ['eva', source, out, '--data', dataFile([rows.text[0]]), ...sizes, '--json', '--quiet'];
  const { code, out: json } = await call(argv);
  expect(code).toBe(0);
  expect(JSON.parse(json).batches).toBeGreaterThan(0);
  const adapter = readAdapter(out);
  if (adapter.kind !== 'lora') throw new Error('no LoRA was written');
  for (const { a } of adapter.modules.values()) expect(Math.hypot(...a)).toBeCloseTo(1, 5);
});

test('data with too few tokens is refused, and leaves nothing in the way of another try', async () => {
  const source = await tinyModel({}, join(temporaryFolder(), 'model'));
  const folder = temporaryFolder();
  const argv = ['eva', source, join(folder, 'start'), '--data', dataFile(rows.completion), '--batch', '1', '--quiet'];
  for (const most of ['2', '500']) {
    const { code, err } = await call([...argv, '--rank', '8', '--max-batches', most]);
    expect([code, err]).toEqual([2, expect.stringContaining('no batch has the 16 tokens to learn')]);
    expect(readdirSync(folder)).toEqual([]);
  }
});

const model = shared('models', 'smollm2-135m-instruct.Q4_1.gguf');
const { skip, reason } = needs(model, 'SmolLM2-135M-Instruct');

test.skipIf(skip)(`the command tells ranks, batches, seconds and the path${reason}`, { timeout: 120_000 }, async () => {
  const out = join(temporaryFolder(), 'start');
  const sizes = ['--rank', '2', '--batch', '1', '--sequence', '32', '--max-batches', '2', '--targets', 'v_proj,o_proj'];
  const argv = ['eva', model as string, out, '--data', textFile(), ...sizes, '--threads', '1'];
  const { code, out: json } = await call([...argv, '--json', '--quiet']);
  expect(code).toBe(0);
  const told = JSON.parse(json);
  expect(told).toMatchObject({ batches: 2, path: out, seconds: expect.any(Number), dropped: expect.any(Array) });
  const adapter = readAdapter(out);
  if (adapter.kind !== 'lora') throw new Error('no LoRA was written');
  for (const [name, { rank }] of adapter.modules) expect(rank).toBe(told.rankPattern[name] ?? 2);
  expect(adapter.modules.size).toBe(60 - told.dropped.length);
  expect((await call(argv)).err).toContain('already exists');
});
