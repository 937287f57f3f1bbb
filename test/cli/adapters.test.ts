import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { verbs } from '../../src/verbs/index.ts';
import { call } from '../command-line.ts';
import { temporaryFolder } from '../hostile.ts';
import { adapterPath, goldenPath, readAdapterGolden } from '../model/goldens.ts';

const tiny = goldenPath('llama-gqa');

function rowsFile(ids: readonly number[]): string {
  const path = join(temporaryFolder(), 'rows.jsonl');
  writeFileSync(path, JSON.stringify({ ids }));
  return path;
}

test.each(['lora', 'prompt', 'prefix'])('score --adapter %s tells the logits of PEFT', async (name) => {
  const { ids, logits } = readAdapterGolden(name).sequences[0] as { ids: readonly number[]; logits: number[][] };
  const argv = ['score', tiny, '--file', rowsFile(ids), '--adapter', adapterPath(name), '--top', '1', '--json'];
  const { rows } = JSON.parse((await call(argv)).out);
  const last = logits.at(-1) as number[];
  const best = last.indexOf(Math.max(...last));
  expect(rows[0].top).toEqual([expect.objectContaining({ id: best, logit: expect.closeTo(last[best] as number, 3) })]);
});

test('several adapters are taken together', async () => {
  const file = rowsFile([5, 6, 7]);
  const scored = async (...names: string[]) => {
    const given = names.flatMap((name) => ['--adapter', adapterPath(name)]);
    return JSON.parse((await call(['score', tiny, '--file', file, ...given, '--json'])).out).rows[0].logprobs[1];
  };
  const all = await Promise.all([scored(), scored('lora'), scored('prefix'), scored('lora', 'prefix')]);
  expect(new Set(all).size).toBe(4);
});

/** One has an adapter as an argument; the others change or train the model itself: merge the adapter first. */
const without = ['merge', 'quantize', 'mosp', 'prune', 'e3-prune', 'culture train'];

test('every verb that runs a model as it is takes adapters', async () => {
  const taking: string[] = [];
  for (const { name, load } of verbs) {
    const { verb } = await load();
    if (!('model' in verb.arguments) || without.includes(name)) continue;
    expect(verb.options, name).toHaveProperty('adapter');
    taking.push(name);
  }
  expect(taking).toContain('lens apply');
});

test.each(['lora', 'lora-dora'])('%s: merged is what it is with --adapter', async (name) => {
  const { checkpoint, sequences } = readAdapterGolden(name);
  const source = goldenPath(checkpoint);
  const file = rowsFile(sequences[0]?.ids as readonly number[]);
  const out = join(temporaryFolder(), 'merged');
  expect(await call(['merge', source, adapterPath(name), out, '--quiet'])).toMatchObject({ code: 0, err: '' });
  const scored = async (...model: string[]): Promise<number[]> => {
    return JSON.parse((await call(['score', ...model, '--file', file, '--json', '--quiet'])).out).rows[0].logprobs;
  };
  const [merged, applied] = await Promise.all([scored(out), scored(source, '--adapter', adapterPath(name))]);
  // the merged weights are rounded to the type of the model; an update that is applied twice is ten times as far
  for (const [i, logprob] of merged.entries()) expect(Math.abs(logprob - (applied[i] as number))).toBeLessThan(0.05);
});

test('merge writes a folder that tells what made it', async () => {
  const out = join(temporaryFolder(), 'merged');
  const argv = ['merge', tiny, adapterPath('lora'), out];
  const { code, out: json } = await call([...argv, '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(json)).toEqual({ path: out, bytes: expect.any(Number) });
  const provenance = JSON.parse(readFileSync(join(out, 'cria.json'), 'utf8'));
  expect(provenance).toMatchObject({ command: 'merge', source: tiny, options: { adapter: adapterPath('lora') } });
  expect((await call(argv)).err).toContain('already exists (choose another output or pass --force)');
  expect((await call([...argv, '--force', '--quiet'])).code).toBe(0);
});

test.each([
  [['merge', 'nowhere', adapterPath('lora')], 'nowhere: does not exist'],
  [['merge', adapterPath('lora'), adapterPath('lora')], 'has no config.json (it is an adapter'],
  [['merge', tiny, tiny], `${tiny}: has no adapter_config.json`],
  [['merge', tiny, 'nowhere'], 'nowhere: does not exist'],
  [['merge', goldenPath('mistral'), adapterPath('lora')], `${adapterPath('lora')}: it adapts model.layers.0`],
  [['merge', tiny, adapterPath('prompt')], 'a prompt adapter cannot be merged into weights'],
])('%j is refused and nothing is written', async (argv, sentence) => {
  const out = join(temporaryFolder(), 'merged');
  const { code, err } = await call([...argv, out]);
  expect(code).toBe(2);
  expect(err).toContain(sentence);
  expect(existsSync(out)).toBe(false);
});

test('an adapter that is read is not replaced by the merged model', async () => {
  const { code, err } = await call(['merge', tiny, adapterPath('lora'), adapterPath('lora'), '--force']);
  expect([code, err]).toEqual([2, expect.stringContaining('(choose another output)')]);
});
