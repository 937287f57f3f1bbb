import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { call } from '../../test/command-line.ts';
import { needs, shared } from '../../test/shared.ts';

const folder = mkdtempSync(join(tmpdir(), 'cria-score-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(...rows: unknown[]): string {
  const path = join(folder, 'rows.jsonl');
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
}

const tiny = 'test/goldens/architectures/llama'; // without a tokenizer

test("rows of ids need no tokenizer, and --json tells transformers' numbers", async () => {
  const [{ ids, logits }] = JSON.parse(readFileSync(`${tiny}/golden.json`, 'utf8')).sequences;
  const { code, out } = await call(['score', tiny, '--file', file({ ids }, { ids: [3] }), '--top', '2', '--json']);
  expect(code).toBe(0);
  const { rows } = JSON.parse(out);
  expect(rows.map((row: { ids: number[]; logprobs: number[] }) => [row.ids, row.logprobs.length])).toEqual([
    [ids, ids.length - 1],
    [[3], 0],
  ]);
  const last: number[] = logits.at(-1);
  const best = last.indexOf(Math.max(...last));
  expect(rows[0].top[0]).toMatchObject({ id: best, logit: expect.closeTo(last[best] as number, 3) });
  expect(rows[0].top).toHaveLength(2);
});

test('a person reads a line a row', async () => {
  const { out } = await call(['score', tiny, '--file', file({ ids: [1, 2] }, { ids: [3] })]);
  expect(out).toMatch(/^1: 2 tokens, -\d\S* a token; next (\d+ 0\.\d+(, |\n)){5}2: 1 tokens; next .*\n$/);
});

test.each([
  [[], '--file is required (for example --file texts.jsonl)\n'],
  [['--file', 'nowhere.jsonl'], 'nowhere.jsonl: does not exist'],
  [['--file', 'README.md'], 'README.md: has no extension of a data file'],
])('%j is refused', async (argv, sentence) => {
  const { code, out, err } = await call(['score', tiny, ...argv]);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain(`cria: ${sentence}`);
});

test('texts for a model without a tokenizer are refused', async () => {
  const { code, err } = await call(['score', tiny, '--file', file({ text: 'a' })]);
  expect(code).toBe(2);
  expect(err).toContain('tokenizer.json');
});

test.each([
  [{ ids: [1, 64] }, 'row 2: the id 64 is not in the vocabulary of 64'],
  [{ ids: [1, -1] }, 'row 2: the id -1 is not in the vocabulary of 64'],
  [{ ids: [1.5] }, 'row 2: ids must be a list of integers'],
  [{ ids: [] }, 'row 2: has no tokens'],
  [{ ids: Array(65).fill(1) }, 'row 2: its 65 tokens do not fit in the context of 64'],
])('%j is refused with its row', async (row, sentence) => {
  const path = file({ ids: [1] }, row);
  const { code, out, err } = await call(['score', tiny, '--file', path]);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain(`cria: ${path}: ${sentence}`);
});

const model = shared('models', 'smollm2-135m-instruct.Q4_1.gguf');
const goldens = shared('goldens', 'logits.json');
const { skip, reason } = needs(model && goldens, 'the SmolLM2 measurement data');

interface Golden {
  readonly text: string;
  readonly ids: number[];
  readonly last_top20_ids: number[];
  readonly last_top20_logits: number[];
  readonly token_logprobs: number[];
}

test.skipIf(skip)(
  `SmolLM2 gives transformers' log-probabilities and logits${reason}`,
  { timeout: 120_000 },
  async () => {
    const { completions, chats } = JSON.parse(readFileSync(goldens as string, 'utf8'));
    const cases: Golden[] = [...completions, ...chats];
    const path = file(...cases.map(({ text }) => ({ text })));
    const { out } = await call(['score', model as string, '--file', path, '--json']);
    const { rows } = JSON.parse(out);
    expect(rows).toHaveLength(cases.length);
    for (const [i, golden] of cases.entries()) {
      const { ids, logprobs, top } = rows[i];
      expect(ids).toEqual(golden.ids);
      expect(logprobs).toHaveLength(golden.token_logprobs.length);
      for (const [j, expected] of golden.token_logprobs.entries()) {
        expect(Math.abs(logprobs[j] - expected)).toBeLessThan(2e-3);
      }
      const logits = new Map(top.map((each: { id: number; logit: number }) => [each.id, each.logit]));
      const [, ...ranked] = golden.last_top20_logits;
      for (const [j, id] of golden.last_top20_ids.entries()) {
        // one that is hardly likelier than the 21st may change places with it
        if (!logits.has(id))
          expect((golden.last_top20_logits[j] as number) - (ranked.at(-1) as number)).toBeLessThan(4e-3);
        else expect(Math.abs((logits.get(id) as number) - (golden.last_top20_logits[j] as number))).toBeLessThan(2e-3);
      }
    }
  },
);

test.skipIf(skip)(`a row without a text is named with the columns that it has${reason}`, async () => {
  const path = file({ text: 'a' }, { prompt: 'b' });
  const { code, err } = await call(['score', model as string, '--file', path]);
  expect([code, err]).toEqual([2, `cria: ${path}: row 2: has no column 'text' (its columns are prompt)\n`]);
});
