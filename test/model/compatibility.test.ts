import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CriaError } from '../../src/base/index.ts';
import { generate, newSession } from '../../src/generate/index.ts';
import { openIncrementalDecoder } from '../../src/model/index.ts';
import type { Tokenizer } from '../../src/tokenizer/index.ts';
import { call } from '../command-line.ts';
import { temporaryFolder } from '../hostile.ts';
import { distance, type Golden, goldenNames, goldenPath, opened, readGolden } from './goldens.ts';
import { ggufOf } from './variants.ts';

/** Does something with a model and compares it with what transformers gives; a CriaError is a 'no'. */
type Check = (path: string, golden: Golden) => Promise<void>;

/** The columns of the table. */
const verbs: Readonly<Record<string, Check>> = { inspect, score, generate: generates };

const formats: Readonly<Record<string, (name: string) => Promise<string>>> = {
  safetensors: async (name) => goldenPath(name),
  GGUF: async (name) => {
    const file = join(temporaryFolder(), `${name}.gguf`);
    await ggufOf(name, 'F32', file);
    return file;
  },
};

const page = join(import.meta.dirname, '../../docs/compatibility.md');
const [begin, end] = ['<!-- table: test/model/compatibility.test.ts -->\n', '\n<!-- end of table -->'];

test('docs/compatibility.md says what works and what does not', async () => {
  const header = ['checkpoint', 'RoPE', 'format', ...Object.keys(verbs)];
  const rows: string[][] = [];
  const refusals: string[] = [];
  for (const name of goldenNames) {
    const { rope, architecture } = opened(goldenPath(name)).config;
    for (const format of Object.keys(formats)) {
      const cells: string[] = [];
      for (const check of Object.values(verbs)) cells.push(await cell(name, format, check, refusals));
      rows.push([name === architecture ? name : `${name} (${architecture})`, rope.type, format, ...cells]);
    }
  }
  const lines = [header, header.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`);
  const table = [...lines, '', ...refusals.map((sentence, i) => `${i + 1}. ${sentence}`)].join('\n');

  const text = readFileSync(page, 'utf8');
  const [from, to] = [text.indexOf(begin) + begin.length, text.indexOf(end)];
  if (process.env.CRIA_UPDATE) writeFileSync(page, text.slice(0, from) + table + text.slice(to));
  else expect(table).toBe(text.slice(from, to));
});

async function cell(name: string, format: string, check: Check, refusals: string[]): Promise<string> {
  try {
    const path = await (formats[format] as (name: string) => Promise<string>)(name);
    await check(path, readGolden(name));
    return 'yes';
  } catch (error) {
    if (!(error instanceof CriaError)) throw error;
    if (!refusals.includes(error.what)) refusals.push(error.what);
    return `no (${refusals.indexOf(error.what) + 1})`;
  }
}

/** Runs a verb for its JSON; a refusal is thrown. */
async function json(...argv: string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await call([...argv, '--json']);
  if (code !== 0) throw new CriaError(err);
  return JSON.parse(out) as Record<string, unknown>;
}

async function inspect(path: string, golden: Golden): Promise<void> {
  const { layers } = await json('inspect', path);
  expect(layers).toBe((golden.sequences[0]?.hiddenStates.length as number) - 1);
}

async function score(path: string, { sequences }: Golden): Promise<void> {
  const file = join(temporaryFolder(), 'texts.jsonl');
  writeFileSync(file, sequences.map(({ ids }) => JSON.stringify({ ids })).join('\n'));
  const { rows } = (await json('score', path, '--file', file)) as { rows: { logprobs: Record<string, number> }[] };
  for (const [i, { ids, logits }] of sequences.entries()) {
    const expected = ids.slice(1).map((id, at) => logProbability(logits[at] as number[], id));
    expect(distance(Object.values(rows[i]?.logprobs ?? {}), expected)).toBeLessThan(1e-4);
  }
}

function logProbability(logits: readonly number[], id: number): number {
  return (logits[id] as number) - Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
}

async function generates(path: string, { sequences, greedy }: Golden): Promise<void> {
  const model = opened(path);
  const cached = await openIncrementalDecoder(model);
  try {
    const session = newSession(model, noTokenizer, cached);
    const pieces = generate(session, sequences[0]?.ids ?? [], { maxTokens: greedy.idsWithCache.length });
    let next = await pieces.next();
    while (!next.done) next = await pieces.next();
    expect(next.value.ids).toEqual(greedy.idsWithCache);
  } finally {
    await cached.dispose();
  }
}

/** The golden checkpoints have ids only. */
const noTokenizer = {
  special: { eos: [2] },
  stream: () => ({ push: (id: number) => `${id} `, finish: () => '' }),
} as unknown as Tokenizer;
