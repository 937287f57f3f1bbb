import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCheckpoint, overlaid } from '../../src/checkpoint/index.ts';
import { runsOf } from '../../src/methods/e3-pruner/commands.ts';
import { ceilingOf } from '../../src/methods/e3-pruner/evaluation.ts';
import { call, killedWhen } from '../command-line.ts';
import { temporaryFolder } from '../hostile.ts';
import { goldenPath, opened } from '../model/goldens.ts';
import { dataFile, rows, tinyModel } from '../train/tiny.ts';

const scratch = mkdtempSync(join(tmpdir(), 'cria-e3-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const [model, data] = [join(scratch, 'model'), join(scratch, 'data.jsonl')];
const layers = 4;
const quick = ['--threads', '1', '--quiet'];
const small = ['--sequence', '24', '--search-tokens', '48', '--search-steps', '12', '--samples', '1'];
const recovery = ['--recovery-tokens', '400', '--rank', '2'];

beforeAll(async () => {
  await tinyModel({ num_hidden_layers: layers }, join(scratch, 'fresh'));
  dataFile([...rows.text, ...rows.text], data);
  const how = ['--mode', 'full', '--steps', '20', '--lr', '0.02'];
  expect((await call(['train', join(scratch, 'fresh'), model, '--data', data, ...how, ...quick])).code).toBe(0);
});

const prune = (out: string, ...more: readonly string[]) =>
  call(['e3-prune', model, out, '--data', data, ...small, ...more, ...quick]);

async function pruned(...more: readonly string[]) {
  const out = join(temporaryFolder(), 'out');
  const told = await prune(out, ...more, '--json');
  expect(told).toMatchObject({ code: 0, err: '' });
  return { out, result: JSON.parse(told.out) };
}

const json = (folder: string, name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
const rowsOf = (folder: string) =>
  readFileSync(join(folder, 'rows.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('without recovery', () => {
  test('kept layers have the bytes of the base under new numbers, and all files agree', async () => {
    const { out, result } = await pruned('--drop', '2', '--recovery', 'none');
    expect(result.kept).toHaveLength(2);
    const [base, cut] = [openCheckpoint(model), openCheckpoint(out)];
    expect(cut.config.num_hidden_layers).toBe(2);
    expect(cut.tensors.size).toBe(base.tensors.size - 9 * 2);
    for (const [to, from] of (result.kept as number[]).entries()) {
      const names = [...base.tensors.keys()].filter((name) => name.startsWith(`model.layers.${from}.`));
      expect(names).toHaveLength(9);
      for (const name of names) {
        const now = name.replace(`layers.${from}.`, `layers.${to}.`);
        expect(cut.readBytes(now)).toEqual(base.readBytes(name));
      }
    }
    expect(json(out, 'prune.json')).toMatchObject({
      ...{ method: 'e3', L: layers, K: 2, kept: result.kept, dropped: result.dropped, searchTokens: 12 * 48 },
      ...{ recoveryTokens: 0, metrics: { perplexitySearched: result.perplexitySearched } },
    });
    expect(json(out, 'prune.json').steps).toHaveLength(12);
    expect(json(out, 'cria.json')).toMatchObject({ command: 'e3-prune' });
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('Which layers stay');
    expect(readdirSync(join(out, '..'))).toEqual(['out']);
  });

  test('every headline figure follows from rows.jsonl', async () => {
    const { out, result } = await pruned('--drop', '1', '--recovery', 'none', '--baselines', 'reverse,random');
    const perplexity = (name: string) => {
      const own = rowsOf(out).filter(({ model: each }) => each === name);
      const total = (key: string) => own.reduce((sum, row) => sum + row[key], 0);
      return { value: Math.exp(-total('logLikelihood') / total('tokens')), same: total('sameTop') / total('tokens') };
    };
    expect(perplexity('base').value).toBeCloseTo(result.perplexityBefore, 9);
    expect(perplexity('searched').value).toBeCloseTo(result.perplexitySearched, 9);
    expect(perplexity('searched').same).toBeCloseTo(result.teacherAgreement.sameTop, 12);
    expect(result.perplexityAfter).toBe(result.perplexitySearched);
    expect(Object.keys(result.baselines).sort()).toEqual(['random-1', 'random-2', 'random-3', 'reverse']);
    expect(result.baselines.reverse.kept).toEqual([0, 1, 2]);
    for (const [name, { perplexitySearched }] of Object.entries<{ perplexitySearched: { value: number } }>(
      result.baselines,
    )) {
      expect(perplexity(`${name}, searched`).value).toBeCloseTo(perplexitySearched.value, 9);
    }
  });

  test('the written model has the perplexity that was measured, and so has its GGUF', async () => {
    const test = dataFile(rows.text, join(temporaryFolder(), 'test.jsonl'));
    const { out, result } = await pruned('--kept', '0,3', '--recovery', 'none', '--test', test);
    const gguf = join(temporaryFolder(), 'pruned.gguf');
    expect((await call(['convert', out, gguf, '--to', 'gguf', ...quick])).code).toBe(0);
    expect(result.perplexitySearched).toBeGreaterThan(1);
    const prompt = [
      'after two comes',
      '--max-tokens',
      '8',
      '--temperature',
      '0',
      '--weights',
      'f32',
      '--json',
      ...quick,
    ];
    const [folder, file] = await Promise.all([out, gguf].map((each) => call(['generate', each, ...prompt])));
    expect(JSON.parse(folder?.out as string).ids).toEqual(JSON.parse(file?.out as string).ids);
    const quantized = join(temporaryFolder(), 'q8.gguf');
    const how = ['--scheme', 'q8_0', ...quick];
    expect((await call(['quantize', out, quantized, ...how])).code).toBe(0);
  });

  test('lists of the configuration are cut with the layers, in GGUF too', async () => {
    const [out, gguf] = [join(temporaryFolder(), 'out'), join(temporaryFolder(), 'cut.gguf')];
    const source = goldenPath('gemma3');
    const { layers: all } = opened(source).config;
    const checkpoint = overlaid(openCheckpoint(source), { config: { query_pre_attn_scalar: 16 } }); // GGUF has no other
    const kept = [...Array(all).keys()].slice(1);
    const { keptLayers } = await import('../../src/model/index.ts');
    const { convert, provenanceOf } = await import('../../src/artifact/index.ts');
    const provenance = provenanceOf('test', source, {}, 0);
    const cut = keptLayers(checkpoint, kept);
    await convert(cut, out, { to: 'safetensors', provenance });
    const written = opened(out);
    expect(written.config.slidingWindows).toEqual(kept.map((l) => opened(source).config.slidingWindows[l]));
    expect((written.checkpoint.config.layer_types as unknown[] | undefined)?.length ?? all - 1).toBe(all - 1);
    await convert(written.checkpoint, gguf, { to: 'gguf', provenance });
    expect(opened(gguf).config.slidingWindows).toEqual(written.config.slidingWindows);
  });
});

describe('with recovery', () => {
  test.each(['lora', 'full'])(
    '%s: what is left comes closer to the whole model, and baselines get the same',
    async (kind) => {
      const amount = ['--recovery-tokens', '2000', '--rank', '4', '--lr', kind === 'full' ? '0.001' : '0.01'];
      const more = ['--recovery', kind, ...amount, '--baselines', 'sleb,shortgpt'];
      const { out, result } = await pruned('--keep', '3', ...more, '--all-masks');
      const divergence = (name: string) => rowsOf(out).reduce((sum, row) => sum + (row.model === name ? row.kl : 0), 0);
      expect(divergence('recovered')).toBeLessThan(divergence('searched'));
      expect(result.rank).toMatchObject({ of: 4 });
      for (const name of ['sleb', 'shortgpt']) expect(result.baselines[name].perplexityAfter.value).toBeGreaterThan(1);
      const { out: told, code } = await call(['inspect', out, '--json', ...quick]);
      expect([code, JSON.parse(told).layers]).toEqual([0, 3]);
    },
  );

  test('cross entropy and a plain divergence are other recoveries of the same mask', async () => {
    const results = [];
    for (const more of [
      ['--beta', '0'],
      ['--beta', '2'],
      ['--recovery-loss', 'ce'],
      ['--search-loss', 'ce'],
    ]) {
      results.push((await pruned('--kept', '0,1,3', ...recovery, '--lr', '0.02', ...more)).result.perplexityAfter);
    }
    expect(new Set(results.slice(0, 3)).size).toBe(3);
  });
});

describe('stopping and going on', () => {
  const how = ['--drop', '2', ...recovery, '--lr', '0.02', '--baselines', 'shortgpt'];

  /** Everything that is written but the page, which tells speeds. */
  const bytesIn = (folder: string) =>
    Object.fromEntries(
      readdirSync(folder)
        .filter((name) => name !== 'report.html')
        .map((name) => [name, readFileSync(join(folder, name), 'latin1')]),
    );

  const killed = (out: string, isReached: () => boolean) =>
    killedWhen(['e3-prune', model, out, '--data', data, ...small, ...how, ...quick], isReached);

  test.each([
    ['in the search', 'search.json'],
    ['in recovery', 'recovered-e3.training'],
  ])('killed %s, a run ends in the same bytes', async (_, entry) => {
    const { out: whole } = await pruned(...how);
    const out = join(temporaryFolder(), 'out');
    await killed(out, () => existsSync(join(`${out}.e3`, entry)));
    expect(existsSync(out)).toBe(false);
    expect((await prune(out, ...how)).err).toContain('pass --resume to continue it');
    const other = await prune(out, ...how, '--beta', '3', '--resume');
    expect([other.code, other.err]).toEqual([2, expect.stringContaining('beta was 1 and is 3')]);
    expect(await prune(out, ...how, '--resume')).toMatchObject({ code: 0 });
    expect(bytesIn(out)).toEqual(bytesIn(whole));
    expect(existsSync(`${out}.e3`)).toBe(false);
  });
});

describe('what does not fit together', () => {
  const tiny = dataFileOf(1);
  function dataFileOf(count: number): string {
    return dataFile(rows.text.slice(0, count), join(scratch, `few-${count}.jsonl`));
  }
  test.each([
    [[], 'the number of layers to drop is not clear (pass one of --drop R, --keep K and --kept LIST)'],
    [['--drop', '1', '--keep', '2'], 'is not clear'],
    [['--drop', '4'], '--drop: 0 of 4 layers cannot be kept (use 1 to 3)'],
    [['--keep', '4'], '--keep: 4 of 4 layers cannot be kept'],
    [['--keep', '0'], '--keep'],
    [['--kept', '2,1'], '--kept: the layers 2,1 cannot be kept'],
    [['--kept', '1,9'], '--kept: the layers 1,9 cannot be kept'],
    [['--drop', '1', '--protect', '7'], '--protect: there is no layer 7 (use -4 to 3)'],
    [['--drop', '3', '--protect', '0,-1'], '--protect: 2 layers are protected and 1 are to be kept'],
    [['--kept', '1,2', '--protect', '0'], '--kept: layer 0 is protected'],
    [['--drop', '1', '--multiple-of', '4'], '--multiple-of: no multiple of 4 lies from 3 to 3'],
    [['--drop', '1', '--baselines', 'magic'], '--baselines: there is no baseline magic'],
    [['--drop', '1', '--data', tiny], '--data: has 1 of the 2 sequences that a search and a test need'],
    [['--drop', '1', '--task', data], "row 1: has no column 'prompt'"],
    [['--drop', '1', '--relaxation', 'hard'], '--relaxation'],
  ])('%j is refused in one sentence', async (more, sentence) => {
    const out = join(temporaryFolder(), 'out');
    const { code, err } = await prune(out, ...more);
    expect([code, err]).toEqual([2, expect.stringContaining(sentence)]);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(readdirSync(join(out, '..'))).toEqual([]);
  });

  test('a dry run tells the cost and does nothing', async () => {
    const out = join(temporaryFolder(), 'out');
    const { code, out: told } = await prune(out, '--drop', '1', '--dry-run', '--json');
    expect([code, JSON.parse(told)]).toEqual([0, expect.objectContaining({ layers, drop: 1, path: out })]);
    expect(existsSync(out)).toBe(false);
  });

  test('a multiple keeps more layers than asked for, never fewer', async () => {
    const { result } = await pruned('--drop', '3', '--multiple-of', '2', '--recovery', 'none', '--protect', '0,-1');
    expect(result.kept).toEqual([0, 3]);
  });
});

test('neighbours are one range, whose end is excluded', () => {
  expect(runsOf([0, 1, 2, 5, 7, 8])).toEqual([
    [0, 3],
    [5, 6],
    [7, 9],
  ]);
});

test('the head limits what a decoded token gains', () => {
  const { config } = opened(goldenPath('llama'));
  const smollm = { ...config, layers: 30, hiddenSize: 576, intermediateSize: 1536, heads: 9, keyValueHeads: 3 };
  const { decode, prefill } = ceilingOf({ ...smollm, headSize: 64, vocabulary: 49_152 }, 23);
  expect(decode).toBeCloseTo(1.23, 2);
  expect(prefill).toBeCloseTo(30 / 23, 12);
});
