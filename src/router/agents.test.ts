import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { call } from '../../test/command-line.ts';
import { run } from '../cli/run.ts';
import { isRight, normalised } from '../methods/ccpo/index.ts';
import { verbs } from '../verbs/index.ts';
import { finalAnswer } from './agents.ts';
import { featureNames, observationOf } from './features.ts';

const folder = mkdtempSync(join(tmpdir(), 'cria-agents-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
const file = (name: string, content: string) => {
  writeFileSync(at(name), content);
  return at(name);
};
const linesIn = (path: string) =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

test.each([
  ['The Eiffel-Tower!', 'eiffeltower'],
  ['an  apple, a pear', 'apple pear'],
  ['] ) ]', '] ) ]'],
])('%j is compared as %j', (given, expected) => {
  expect(normalised(given, 'em')).toBe(expected);
});

test('letters of a multiple choice are found in what stands around them', () => {
  expect(['(b)', 'B. Paris', 'answer is b'].map((each) => normalised(each, 'mc'))).toEqual(['B', 'B', 'B']);
  expect([isRight('b', ['B'], 'mc'), isRight('', [''], 'em')]).toEqual([true, false]);
});

test.each([
  ['I think so.\nAnswer: **Paris**.', undefined, 'Paris'],
  ['Answer: x\nbut no.\nAnswer: y', undefined, 'y'],
  ['paris', ['Paris', 'Rome'], 'Paris'],
  ['', undefined, ''],
])('the final answer of %j is found', (text, choices, expected) => {
  expect(finalAnswer(text, { question: '', choices })).toBe(expected);
});

test('an observation has its names, and without the guide what it would say is missing', () => {
  const base = { model: 'b', text: '', answer: 'x', logprobs: [-1, -3], tokensIn: 5, tokensOut: 1, cost: 1 };
  const guide = { ...base, answer: 'X.', judge: 'yes' as const, pYes: 0.8 };
  const names = featureNames(2);
  const seen = (rounds: Parameters<typeof observationOf>[0]) => {
    const values = observationOf(rounds, 2, 40);
    expect(values).toHaveLength(names.length);
    return Object.fromEntries(names.map((name, i) => [name, values[i]]));
  };
  expect(seen([{ base, guide }])).toMatchObject({
    'round 1': 1,
    judge: 1,
    'p yes': 0.8,
    'base min logprob': -3,
    agreement: 1,
    'distinct answers': 1,
  });
  expect(seen([{ base, guide }, { base }])).toMatchObject({
    'round 2': 1,
    judge: 0,
    'guide logprobs missing': 1,
    'base repeats': 1,
    agreement: 0,
  });
});

describe('a log of endpoints', () => {
  let url = '';
  let asked = 0;
  let failing = () => false;
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    asked++;
    if (failing()) return void response.writeHead(400).end('{}');
    const { model, messages } = JSON.parse(body);
    const question = messages.at(-1).content as string;
    const content = model === 'small' ? 'Hm.\nAnswer: 4' : question.includes('2+2') ? 'yes' : 'no\n6';
    const logprobs = {
      content: [
        {
          token: content.slice(0, 3),
          logprob: -0.1,
          top_logprobs: [
            { token: 'yes', logprob: -0.1 },
            { token: 'no', logprob: -2 },
          ],
        },
      ],
    };
    response.end(
      JSON.stringify({
        choices: [{ message: { content }, logprobs }],
        usage: { prompt_tokens: 10, completion_tokens: 2 },
      }),
    );
  });
  beforeAll(async () => {
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close());

  const models = () =>
    file(
      'models.yaml',
      `models:\n  - {id: s, role: base, model: small, base_url: "${url}"}\n  - {id: l, role: guide, model: large, base_url: "${url}", price_in: 0.1, price_out: 1}\n`,
    );
  const questions = () =>
    file(
      'questions.jsonl',
      ['2+2', '3+3', '5+1']
        .map((question, i) => JSON.stringify({ qid: `q${i}`, question, gold: [i === 0 ? '4' : '6'], split: 'train' }))
        .join('\n'),
    );
  const log = (...argv: string[]) =>
    call([
      'route',
      'log',
      at('log'),
      '--models',
      models(),
      '--questions',
      questions(),
      '--rounds',
      '1',
      '--quiet',
      ...argv,
    ]);

  test('has judgements, costs and flags, and is read again for training', async () => {
    const { code, err } = await log();
    expect([code, err]).toEqual([0, '']);
    const [first, second] = linesIn(join(at('log'), 'trajectories.jsonl'));
    expect(first.rounds[0]).toMatchObject({
      ok_base: true,
      ok_guide: true,
      base: { answer: '4', cost: 0 },
      guide: { judge: 'yes', answer: '4', cost: 3 },
    });
    expect(second.rounds[0]).toMatchObject({ ok_base: false, ok_guide: true, guide: { judge: 'no', answer: '6' } });
    expect(first.rounds[0].guide.p_yes).toBeCloseTo(Math.exp(-0.1) / (Math.exp(-0.1) + Math.exp(-2)), 9);
    for (const more of [[], ['--ladder']]) {
      const trained = await call([
        'route',
        'train',
        at('log'),
        at('policy'),
        '--steps',
        '3',
        '--force',
        '--json',
        '--quiet',
        ...more,
      ]);
      expect(JSON.parse(trained.out)).toMatchObject({ go: false });
      const policy = JSON.parse(readFileSync(join(at('policy'), 'policy.json'), 'utf8'));
      expect([policy.T, policy.ladder]).toEqual(more.length > 0 ? [2, true] : [1, undefined]);
    }
  });

  test('trains a policy that serves: headers, the set, decisions, and the guide in the shadow', async () => {
    const twelve = Array.from({ length: 60 }, (_, i) => ({
      qid: `s${i}`,
      question: i % 2 ? '3+3' : '2+2',
      gold: [i % 2 ? '6' : '4'],
      split: ['train', 'calib', 'test'][i % 3],
    }));
    const path = file('many.jsonl', twelve.map((row) => JSON.stringify(row)).join('\n'));
    const steps = [
      ['log', at('many'), '--models', models(), '--questions', path, '--rounds', '2'],
      ['train', at('many'), at('many-policy'), '--steps', '3'],
      ['calibrate', at('many-policy'), at('many'), at('served')],
    ];
    for (const argv of steps) expect((await call(['route', ...argv, '--quiet', '--force'])).err).toBe('');
    for (const shadow of [[], ['--shadow']]) {
      const stop = new AbortController();
      let out = '';
      const stdout = { write: (text: string) => (out += text) };
      const argv = [
        'route',
        'serve',
        at('served'),
        '--models',
        models(),
        '--port',
        '0',
        '--decisions',
        at('decisions.jsonl'),
        ...shadow,
      ];
      const serving = run(argv, verbs, { stdout, stderr: { write: () => '' }, signal: stop.signal, debug: false });
      await vi.waitFor(() => expect(out).toContain('listening on '), { timeout: 10_000 });
      const base = out.trim().replace('listening on ', '');
      const post = (body: object) =>
        fetch(`${base}/v1/chat/completions`, { method: 'POST', body: JSON.stringify(body) });
      const answer = await post({ model: 'ccpo', messages: [{ role: 'user', content: '3+3' }] });
      const { choices, ccpo } = (await answer.json()) as {
        choices: { message: { content: string } }[];
        ccpo: { set: string[]; guarantee: string };
      };
      expect(ccpo.guarantee).toBe('batch');
      expect(answer.headers.get('x-cria-guarantee')).toBe('batch');
      expect(Number(answer.headers.get('x-cria-cost'))).toBeGreaterThan(0);
      if (shadow.length > 0)
        expect([choices[0]?.message.content, answer.headers.get('x-cria-route')]).toEqual(['6', 'guide']);
      else expect(choices.map(({ message }) => message.content)).toEqual(ccpo.set);
      expect((await post({ messages: [] })).status).toBe(400);
      expect((await post({ messages: [{ role: 'user', content: 'x' }], stream: true })).status).toBe(400);
      expect((await fetch(`${base}/nothing`)).status).toBe(404);
      stop.abort(new Error('stopped'));
      await serving;
    }
    const [decision] = linesIn(at('decisions.jsonl'));
    expect(decision).toMatchObject({
      audited: false,
      sets: expect.any(Array),
      pi: expect.any(Array),
      obs: expect.any(Array),
    });
    expect(JSON.stringify(decision)).not.toContain('3+3');
  });

  test('that was interrupted goes on, and asks nothing twice', async () => {
    asked = 0;
    failing = () => asked > 2;
    expect((await log('--force')).code).toBe(2); // status 400 ends the run
    failing = () => false;
    expect((await log('--force')).code).toBe(0); // --force begins again
    failing = () => asked > 8 + 2;
    asked = 8;
    expect((await log('--force')).code).toBe(2);
    [failing, asked] = [() => false, 0];
    expect((await log()).err).toContain('already exists');
    rmSync(at('log'), { recursive: true });
    expect((await log()).err).toContain('holds an unfinished run (--resume goes on with it');
    expect((await log('--resume')).code).toBe(0);
    expect(asked).toBe(4); // the first question was done
    expect(linesIn(join(at('log'), 'trajectories.jsonl'))).toHaveLength(3);
  });

  test.each([
    ['not YAML', '{', 'is not YAML'],
    ['no list', 'a: 1', 'has no list of models'],
    [
      'two bases',
      '- {role: base, model: a}\n- {role: base, model: b}',
      'names 2 models with the role base and 0 with the role guide',
    ],
    ['a key', '- {role: base, model: a, api_key: secret}', 'holds a key'],
    ['an odd price', '- {role: base, model: a, price_in: -1}', 'price_in is not a price'],
    ['an odd role', '- {role: judge, model: a}', 'its role is judge'],
    ['two units', '- {role: base, model: a, unit: seconds}\n- {role: guide, model: b}', 'counts in seconds and in usd'],
  ])('models that are %s are refused', async (_, content, sentence) => {
    const { code, err } = await call([
      'route',
      'log',
      at('never'),
      '--models',
      file('odd.yaml', content),
      '--questions',
      questions(),
    ]);
    expect([code, err]).toEqual([2, expect.stringContaining(sentence)]);
    expect(err).not.toContain('secret');
  });
});
