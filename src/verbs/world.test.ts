import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call } from '../../test/command-line.ts';
import { readRows } from '../data/index.ts';
import { readTask } from '../evaluate/index.ts';
import { openTokenizer } from '../tokenizer/index.ts';
import { type Message, usualDictionary, wholeDictionary } from '../world/index.ts';

const scratch = mkdtempSync(join(tmpdir(), 'cria-world-'));
const folder = join(scratch, 'world');
afterAll(() => rmSync(scratch, { recursive: true }));

interface Told {
  readonly path: string;
  readonly rows: number;
  readonly tokens: number;
  readonly skills: Readonly<Record<string, { readonly rows: number; readonly tokens: number }>>;
  readonly tasks: Readonly<Record<string, number>>;
}
let told: Told;

async function write(out: string, ...more: readonly string[]): Promise<Told> {
  const { code, out: printed, err } = await call(['world', out, '--json', '--quiet', ...more]);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return JSON.parse(printed);
}

beforeAll(async () => {
  told = await write(folder, '--rows', '700', '--seed', '4');
});

function bytesOf(root: string): Map<string, string> {
  const names = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(names.map(({ name, parentPath }) => [name, readFileSync(join(parentPath, name), 'latin1')]));
}

test('the counts that are told are those of the files', async () => {
  const tokenizer = openTokenizer({ kind: 'folder', path: folder });
  let [rows, tokens] = [0, 0];
  for await (const { values } of readRows(join(folder, 'train.jsonl'))) {
    const chat = values.messages as readonly Message[] | undefined;
    rows++;
    tokens += chat
      ? tokenizer.encode(tokenizer.applyChatTemplate(chat), { special: false }).length
      : tokenizer.encode(String(values.text ?? `${values.prompt}${values.completion}`)).length;
  }
  expect({ rows, tokens }).toEqual({ rows: told.rows, tokens: told.tokens });
  expect(told.rows).toBe(700);
  for (const key of ['rows', 'tokens'] as const) {
    expect(Object.values(told.skills).reduce((sum, count) => sum + count[key], 0)).toBe(told[key]);
  }
});

test('every task is one that evaluate reads, and is as long as told', async () => {
  const files = readdirSync(join(folder, 'tasks'));
  expect(files.map((name) => name.replace('.jsonl', '')).sort()).toEqual(Object.keys(told.tasks).sort());
  for (const file of files) {
    const questions = await readTask(join(folder, 'tasks', file));
    expect(questions.length, file).toBe(told.tasks[file.replace('.jsonl', '')]);
    expect(questions.length, file).toBeGreaterThanOrEqual(90);
    expect(new Set(questions.map(({ prompt }) => prompt)).size).toBe(questions.length);
  }
});

test('the prompts of conversations are what the chat template of the tokenizer writes', async () => {
  const tokenizer = openTokenizer({ kind: 'folder', path: folder });
  for await (const { values } of readRows(join(folder, 'tasks', 'chat.jsonl'))) {
    const messages = (values.messages as readonly Message[]).slice(0, -1);
    const rendered = tokenizer.applyChatTemplate(messages, { addGenerationPrompt: true });
    expect(tokenizer.encode(String(values.prompt))).toEqual(tokenizer.encode(rendered, { special: false }));
  }
});

test('texts fit into a context of 256 tokens', async () => {
  const tokenizer = openTokenizer({ kind: 'folder', path: folder });
  const files = ['train.jsonl', 'valid.jsonl', 'tasks/copying.jsonl', 'tasks/translation.jsonl'];
  for (const file of files) {
    for await (const { values } of readRows(join(folder, file))) {
      const text = String(values.text ?? `${values.prompt}${values.completion}`);
      expect(tokenizer.encode(text).length, text).toBeLessThan(250);
    }
  }
});

test('entities are names of several tokens', () => {
  const tokenizer = openTokenizer({ kind: 'folder', path: folder });
  const names = readFileSync(join(folder, 'entities.txt'), 'utf8').trim().split('\n');
  expect(names.length).toBeGreaterThan(500);
  for (const name of names) expect(tokenizer.encode(` ${name}`, { special: false }).length, name).toBeGreaterThan(1);
});

test('the same seed gives the same bytes, and another seed another world', async () => {
  await write(join(scratch, 'again'), '--rows', '700', '--seed', '4');
  expect(bytesOf(join(scratch, 'again'))).toEqual(bytesOf(folder));
  await write(join(scratch, 'other'), '--rows', '10', '--seed', '5');
  expect(bytesOf(join(scratch, 'other')).get('entities.txt')).not.toBe(bytesOf(folder).get('entities.txt'));
});

test('the dictionary is the usual one where it is not told, and at most the whole one', async () => {
  const { options } = JSON.parse(readFileSync(join(folder, 'cria.json'), 'utf8'));
  expect(options).toMatchObject(usualDictionary);
  const most = Object.entries(wholeDictionary).flatMap(([name, count]) => [`--${name}`, String(count)]);
  const { tasks } = await write(join(scratch, 'whole'), '--rows', '10', ...most);
  expect(tasks['translation-unseen']).toBeGreaterThan(0);
});

test('words of one invented language are known from no third one: nothing is asked of that', async () => {
  const { tasks } = await write(join(scratch, 'one'), '--rows', '10', '--languages', '1');
  expect(tasks.translation).toBeGreaterThan(0);
  expect(tasks).not.toHaveProperty('translation-unseen');
});

test('--tokens ends with the row that reaches them', async () => {
  const { tokens, rows } = await write(join(scratch, 'by-tokens'), '--tokens', '5000');
  expect(tokens).toBeGreaterThanOrEqual(5000);
  expect(tokens).toBeLessThan(5250);
  expect(rows).toBeGreaterThan(50);
});

test.each([
  ['both sizes', ['--rows', '5', '--tokens', '5'], '--tokens and --rows'],
  ['a vocabulary smaller than the bytes', ['--vocabulary', '100'], '--vocabulary'],
  ['no rows', ['--rows', '0'], '--rows'],
  ['more languages than there are', ['--languages', String(wholeDictionary.languages + 1)], '--languages'],
  ['more words than there are', ['--words', String(wholeDictionary.words + 1)], '--words'],
  ['fewer words than a list has', ['--words', '20'], '--words'],
])('%s end with 2 and leave nothing', async (_, more, about) => {
  const out = join(scratch, 'wrong');
  const { code, err } = await call(['world', out, '--quiet', ...more]);
  expect(code).toBe(2);
  expect(err).toContain(about);
  expect(readdirSync(scratch).filter((name) => name.includes('wrong'))).toEqual([]);
});

test('what stands at the output is not replaced', async () => {
  const { code, err } = await call(['world', folder, '--rows', '5', '--quiet']);
  expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining('--force') });
});

test('an interrupted run leaves nothing', async () => {
  const aborted = new AbortController();
  aborted.abort();
  const out = join(scratch, 'interrupted');
  const { code } = await call(['world', out, '--rows', '5000', '--quiet'], { signal: aborted.signal });
  expect(code).toBe(130);
  expect(readdirSync(scratch).filter((name) => name.includes('interrupted'))).toEqual([]);
});
