import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { call } from '../../test/command-line.ts';
import { needs, shared } from '../../test/shared.ts';

const folder = mkdtempSync(join(tmpdir(), 'cria-evaluate-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const model = shared('models', 'smollm2-135m-instruct.Q4_1.gguf') ?? '';
const capitals = shared('data', 'tasks', 'country-capital.json') ?? '';
const { skip, reason } = needs((model && capitals) || undefined, 'the SmolLM2 measurement data');
const timeout = 120_000;

const evaluate = (...argv: string[]) => call(['evaluate', model, ...argv]);
const told = async (...argv: string[]) => JSON.parse((await evaluate(...argv, '--json')).out);

// transformers' greedy continuation of the first is ' Paris.', with 77% for ' Paris'
const france = '{"prompt":"The capital of France is","completion":"Paris"}';
const wrong = '{"prompt":"The capital of France is","completion":"Berlin"}';

test.skipIf(skip)(`a completion is right when it is what greedy decoding writes${reason}`, { timeout }, async () => {
  const result = await told('--task', file('a.jsonl', `${france}\n${wrong}\n`));
  expect(result).toMatchObject({
    accuracy: 0.5,
    n: 2,
    low: expect.closeTo(0.0945, 4),
    high: expect.closeTo(0.9055, 4),
  });
  expect(result.rows[0]).toMatchObject({ expected: 'Paris', got: 'Paris', correct: true });
  expect(result.rows[1]).toMatchObject({ expected: 'Berlin', correct: false });
});

test.skipIf(skip)(`a match is what generate writes on its first line${reason}`, { timeout }, async () => {
  const rows = france.replace('"Paris"', '"Paris."');
  const result = await told('--metric', 'match', '--task', file('m.jsonl', `${rows}\n${wrong}\n`), '--max-tokens', '8');
  expect(result).toMatchObject({ accuracy: 0.5, n: 2 });
  expect(result.rows.map(({ got }: { got: string }) => got)).toEqual(['Paris.', 'Paris.']);
});

test.skipIf(skip)(`a choice is the likeliest of those that are given${reason}`, { timeout }, async () => {
  const csv = file('c.csv', 'country,city\nThe capital of France is,Paris\nThe capital of Germany is,Berlin\n');
  const renamed = ['--columns', 'prompt=country,completion=city', '--metric', 'choice'];
  expect(await told('--task', csv, ...renamed)).toMatchObject({ accuracy: 1, n: 2 });
  const list = '{"question":"What is the capital of France?","choices":["Bread","Paris"],"answer":"B"}';
  expect(await told('--task', file('q.jsonl', list), '--metric', 'choice')).toMatchObject({ accuracy: 1, n: 1 });
});

test.skipIf(skip)(
  `examples are drawn by the seed and not asked, and a limit is kept${reason}`,
  { timeout },
  async () => {
    const { out } = await evaluate('--task', capitals, '--shots', '3', '--limit', '4');
    expect(out).toMatch(/^accuracy \S+ \(95% \S+ to \S+\) on 4 questions\n$/);
    const small = file('s.jsonl', `${france}\n${wrong}\n${france}\n`);
    expect(await told('--task', small, '--shots', '2')).toMatchObject({ n: 1, shots: 2 });
  },
);

test.skipIf(skip).each([
  [[], '--task is required (for example --task questions.jsonl)'],
  [['--task', 'nowhere.json'], 'nowhere.json: does not exist'],
  [['--task', 'a.jsonl', '--metric', 'luck'], "--metric: must be one of accuracy, choice, match (got 'luck')"],
  [['--task', 'FILE'], "bad.jsonl: row 1: has no column 'completion' (its columns are prompt)"],
  [['--task', 'FILE', '--columns', 'completion=answer'], "bad.jsonl: row 1: has no column 'answer'"],
])(`%j is refused${reason}`, async (argv, sentence) => {
  const path = file('bad.jsonl', '{"prompt":"a"}\n');
  const { code, out, err } = await evaluate(...argv.map((word) => (word === 'FILE' ? path : word)));
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain(sentence);
});
