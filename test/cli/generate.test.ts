import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { call } from '../command-line.ts';
import { temporaryFolder } from '../hostile.ts';
import { goldenPath } from '../model/goldens.ts';
import { needs, shared, shippedModel } from '../shared.ts';

const main = resolve(import.meta.dirname, '../../dist/cli/main.js');
const model = shared('models', 'smollm2-135m-instruct.Q4_1.gguf') as string;
const golden = shared('goldens', 'logits.json');
const { skip, reason } = needs(model && golden, 'SmolLM2 with its golden values');

function file(name: string, content: string): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, content);
  return path;
}

/** One sentence on stderr, nothing on stdout, exit code 2. */
async function expectRefusal(argv: readonly string[], sentence: string | RegExp): Promise<void> {
  const { code, out, err } = await call(argv);
  expect({ code, out, lines: err.split('\n').length }).toEqual({ code: 2, out: '', lines: 2 });
  expect(err).toMatch(sentence);
}

describe('generate refuses, in one sentence,', () => {
  const tiny = goldenPath('llama');

  test.each<[string, readonly string[], string]>([
    ['no prompt', [], 'a prompt is required (pass PROMPT, - for standard input, --file, --ids or --batch FILE)'],
    ['a prompt beside a file', ['x', '--file', 'p.txt'], 'PROMPT and --file cannot be combined'],
    [
      'a prompt beside ids',
      ['x', '--ids', 'i.json'],
      'PROMPT and --ids cannot be combined (pass one of PROMPT, --file',
    ],
    ['a prompt beside prompts', ['x', '--batch', 'p.txt'], 'PROMPT and --batch cannot be combined'],
    ['ids beside prompts', ['--ids', 'i.json', '--batch', 'p.txt'], '--ids and --batch cannot be combined'],
    ['a negative temperature', ['x', '--temperature', '-1'], "must be a number of at least 0 (got '-1')"],
    ['a top-p above 1', ['x', '--top-p', '2'], "must be a number from 0 to 1 (got '2')"],
    ['no tokens at all', ['x', '--max-tokens', '0'], "must be an integer of at least 1 (got '0')"],
    ['a precision that there is not', ['x', '--weights', 'q3'], "must be one of auto, f32, q8, q4 (got 'q3')"],
    ['a file of ids that is missing', ['--ids', 'no/such.json'], 'no/such.json: does not exist'],
    ['a file of prompts that is missing', ['--batch', 'no/such.txt'], 'no/such.txt: does not exist'],
    ['a model without a tokenizer', ['x'], 'the folder has no tokenizer.json'],
  ])('%s', async (_, argv, sentence) => {
    await expectRefusal(['generate', tiny, ...argv], sentence);
  });

  test('a model that is missing', () =>
    expectRefusal(['generate', 'no/such/model', 'x'], 'no/such/model: does not exist'));

  test.each([
    ['{"a": 1}', 'is not a list of token ids (write it as [1, 2, 3])'],
    ['[1, 2.5]', 'is not a list of token ids'],
    ['[1, "2"]', 'is not a list of token ids'],
    ['[1, 2', 'is not valid JSON'],
  ])('the ids %s', (content, sentence) =>
    expectRefusal(['generate', tiny, '--ids', file('i.json', content)], sentence),
  );

  test.each([
    ['p.json', '{"prompt": "a"}', 'is not a list of prompts'],
    ['p.json', '["a", 1]', 'is not a list of prompts'],
    ['p.jsonl', '{"text": "a"}\n', "row 1: has no column 'prompt'"],
    ['p.txt', '\n\n', 'holds no prompts'],
  ])('the prompts %s %j', (name, content, sentence) =>
    expectRefusal(['generate', tiny, '--batch', file(name, content)], sentence),
  );
});

// seconds on an idle machine, but the tests keep it busy
describe.skipIf(skip)(`with SmolLM2${reason}`, { timeout: 180_000 }, () => {
  const texts = golden ? (JSON.parse(readFileSync(golden, 'utf8')).completions as Text[]) : [];
  const [capital] = texts as [Text];

  test('generate --json is one object with the fields of the contract', async () => {
    const argv = ['generate', model, capital.text, '--max-tokens', '5', '--weights', 'f32', '--json'];
    const { code, out, err } = await call(argv);
    expect({ code, err: err.includes('read 5 tokens') }).toEqual({ code: 0, err: true });
    expect(out.endsWith('}\n') && out.indexOf('\n') === out.length - 1).toBe(true);
    expect(JSON.parse(out)).toEqual({
      ids: capital.greedy_40_ids.slice(0, 5),
      text: capital.greedy_40_text.slice(0, ' Paris.\n\nThe'.length),
      promptTokens: 5,
      cachedTokens: 0,
      tokens: 5,
      prefillSeconds: expect.any(Number),
      decodeSeconds: expect.any(Number),
      finishReason: 'length',
    });
  });

  test('the ids of a file are a prompt, and the text goes to stdout', async () => {
    const ids = file('ids.json', JSON.stringify({ ids: capital.ids }));
    const { out } = await call(['generate', model, '--ids', ids, '--max-tokens', '5', '--weights', 'f32']);
    expect(out).toBe(' Paris.\n\nThe\n');
  });

  test('an id that the model does not have, and a file that was cut off, are refused', async () => {
    await expectRefusal(['generate', model, '--ids', file('ids.json', '[1, 49152]'), '--quiet'], /49152 is not in the/);
    const cut = join(temporaryFolder(), 'cut.gguf');
    writeFileSync(cut, firstBytes(model, 2 ** 20));
    await expectRefusal(['generate', cut, 'x'], 'cut.gguf');
  });

  test('several prompts are continued together', async () => {
    const prompts = texts.slice(0, 2).map(({ text }) => text);
    const expected = texts.slice(0, 2).map(({ greedy_40_ids }) => greedy_40_ids.slice(0, 4));
    const rows = prompts.map((prompt) => `${JSON.stringify({ prompt })}\n`).join('');
    for (const path of [file('p.json', JSON.stringify(prompts)), file('p.jsonl', rows)]) {
      const argv = ['generate', model, '--batch', path, '--max-tokens', '4', '--weights', 'f32', '--json'];
      const { results } = JSON.parse((await call(argv)).out);
      expect(results.map(({ ids }: { ids: number[] }) => ids)).toEqual(expected);
      expect(Object.keys(results[0])).toEqual(['ids', 'text', 'finishReason']);
    }
    const { out } = await call(['generate', model, '--batch', file('p.txt', 'One\nTwo\n'), '--max-tokens', '3']);
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => typeof JSON.parse(line)),
    ).toEqual(['string', 'string']);
  });

  test('Ctrl-C in the middle of a text ends with 130, and what was written stands', async () => {
    const argv = [main, 'generate', model, 'Once upon a time', '--max-tokens', '4000', '--repeat-penalty', '1.2'];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, err] = ['', ''];
    child.stderr.on('data', (part) => {
      err += part;
    });
    child.stdout.on('data', (part) => {
      if (out === '') child.kill('SIGINT');
      out += part;
    });
    const [code] = await once(child, 'close');
    expect(code).toBe(130);
    expect(out).toMatch(/^,.*\n$/s);
    expect(err).toContain('stopping; Ctrl-C again stops at once');
  });

  test('chat answers lines from a pipe, remembers them, and ends with the pipe', async () => {
    const said = 'My name is Ada.\n\nWhat is my name?\n/reset\nSay yes.\n/exit\nnever said\n';
    const { code, out, err } = await chat(said, '--max-tokens', '12', '--json');
    expect(code).toBe(0);
    const { messages } = JSON.parse(out);
    expect(messages.map(({ role }: { role: string }) => role)).toEqual(['user', 'assistant']);
    expect(messages[0].content).toBe('Say yes.');
    const read = [...err.matchAll(/read (\d+) tokens/g)].map(([, count]) => Number(count));
    expect(read).toHaveLength(3);
    expect(read[1]).toBeLessThan(read[0] as number); // the second turn reads only what is new

    const long = await chat(`${'llama '.repeat(9000)}\nSay yes.\n`, '--max-tokens', '3', '--json');
    expect([long.code, long.err]).toEqual([0, expect.stringMatching(/does not fit .*Type \/reset to start again/)]);
    expect(JSON.parse(long.out).messages[0].content).toBe('Say yes.');

    const plain = await chat('Say yes.\n', '--max-tokens', '3');
    expect({ code: plain.code, lines: plain.out.split('\n').length }).toEqual({ code: 0, lines: 2 });
  });

  test('Ctrl-C while chat waits for a line ends with 130', async () => {
    const child = spawn(process.execPath, [main, 'chat', model], { stdio: ['pipe', 'pipe', 'pipe'] });
    child.stderr.on('data', (part) => {
      if (String(part).includes('> ')) child.kill('SIGINT');
    });
    expect(await once(child, 'exit')).toEqual([130, null]);
  });
});

interface Text {
  readonly text: string;
  readonly ids: readonly number[];
  readonly greedy_40_ids: readonly number[];
  readonly greedy_40_text: string;
}

function firstBytes(path: string, count: number): Buffer {
  const descriptor = openSync(path, 'r');
  const bytes = Buffer.alloc(count);
  readSync(descriptor, bytes, 0, count, 0);
  closeSync(descriptor);
  return bytes;
}

/** Runs chat in a process of its own on what is said. */
async function chat(said: string, ...options: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [main, 'chat', model, ...options]);
  let [out, err] = ['', ''];
  child.stdout.on('data', (part) => {
    out += part;
  });
  child.stderr.on('data', (part) => {
    err += part;
  });
  child.stdin.end(said);
  const [code] = await once(child, 'close');
  return { code, out, err };
}

/** Runs the built command line; `input` is its standard input. */
function built(argv: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...argv], { input, encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('a prompt', () => {
  const prompt = 'The capital of France is';
  const options = ['--max-tokens', '3', '--quiet'];
  const expected = built(['generate', shippedModel, prompt, ...options]).stdout;

  test('comes from a file or from standard input', () => {
    expect(built(['generate', shippedModel, '-', ...options], prompt).stdout).toBe(expected);
    expect(built(['generate', shippedModel, '--file', file('p.txt', prompt), ...options]).stdout).toBe(expected);
  });

  test('that is too long for an argument of ONNX Runtime is read all the same, and other long arguments are refused', () => {
    const long = 'ab '.repeat(10_000);
    const { status, stderr } = built(['generate', shippedModel, long, ...options]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('tokens does not fit in the context of 256')]);
    const other = built(['generate', shippedModel, prompt, '--stop', long, ...options]);
    expect([other.status, other.stderr]).toEqual([
      2,
      expect.stringMatching(/^cria: the command line has \d+ bytes, more than/),
    ]);
    const padded = `${'\n'.repeat(20_000)}${prompt}`; // whose tokens are few, if the template trims them
    const trims = file('t.jinja', '{{ bos_token }}{{ messages[0].content | trim }}');
    const chat = ['generate', shippedModel, padded, '--chat', '--template', trims, ...options];
    expect(built(chat)).toEqual({ status: 0, stdout: expected, stderr: '' });
  });
});
