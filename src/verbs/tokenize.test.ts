import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { call } from '../../test/command-line.ts';
import { needs, shared } from '../../test/shared.ts';

const model = shared('models', 'smollm2-135m-instruct.Q4_1.gguf') ?? '';
const goldens = shared('goldens', 'tokenizer.json') ?? '';
const { skip, reason } = needs(model && goldens ? model : undefined, 'the SmolLM2 measurement data');
const cases: { text: string; ids: number[] }[] = skip ? [] : JSON.parse(readFileSync(goldens, 'utf8')).cases;

const folder = mkdtempSync(join(tmpdir(), 'cria-tokenize-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(content: string): string {
  const path = join(folder, 'file');
  writeFileSync(path, content);
  return path;
}

const tokenize = (...argv: string[]) => call(['tokenize', model, ...argv]);

test.skipIf(skip)(`--batch gives the ids of llama.cpp${reason}`, async () => {
  const { out } = await tokenize('--batch', file(JSON.stringify(cases.map(({ text }) => text))), '--json');
  expect(cases.length).toBeGreaterThan(0);
  expect(JSON.parse(out)).toEqual({ batch: cases.map(({ ids }) => ids) });
});

test.skipIf(skip)(`--decode --batch gives the texts back${reason}`, async () => {
  const { out } = await tokenize('--decode', '--batch', file(JSON.stringify(cases.map(({ ids }) => ids))), '--json');
  expect(JSON.parse(out)).toEqual({ texts: cases.map(({ text }) => text) });
});

test.skipIf(skip)(`a text comes from the command line or from a file${reason}`, async () => {
  expect(await tokenize('Hello world')).toEqual({ code: 0, out: '19556 905\n', err: '' });
  expect(await tokenize('--file', file('Hello world'))).toEqual({ code: 0, out: '19556 905\n', err: '' });
  expect(await tokenize('--decode', '[19556, 905]')).toEqual({ code: 0, out: 'Hello world\n', err: '' });
});

test.skipIf(skip).each([
  [[], 'a text is required (pass one of TEXT, --file, --batch and --messages)'],
  [['--decode', '1 x'], 'ids must be integers of at least 0 (for example 5 17 3)'],
  [['--batch', 'FILE'], 'a row of the batch is not a string (pass --decode for ids)'],
])(`%j is refused: %s${reason}`, async (argv, sentence) => {
  const path = file('[3]');
  expect(await tokenize(...argv.map((word) => word.replace('FILE', path)))).toEqual({
    code: 2,
    out: '',
    err: `cria: ${sentence}\n`,
  });
});
