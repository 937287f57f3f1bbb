import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

  describe('serving', () => {
    const edited = (name: string, kappa: number) => {
      const policy = JSON.parse(readFileSync(join(at('served'), 'policy.json'), 'utf8'));
      return file(name, JSON.stringify({ ...policy, kappa_hat: kappa }));
    };
    beforeAll(async () => {
      const sixty = Array.from({ length: 60 }, (_, i) => ({
        ...{ qid: `s${i}`, question: i % 2 ? '3+3' : '2+2', gold: [i % 2 ? '6' : '4'] },
        split: ['train', 'calib', 'test'][i % 3],
      }));
      const path = file('many.jsonl', sixty.map((row) => JSON.stringify(row)).join('\n'));
      for (const argv of [
        ['log', at('many'), '--models', models(), '--questions', path, '--rounds', '2'],
        ['train', at('many'), at('many-policy'), '--steps', '3'],
        ['calibrate', at('many-policy'), at('many'), at('served')],
        ['train', at('many'), at('ladder-policy'), '--steps', '3', '--ladder'],
      ]) {
        expect((await call(['route', ...argv, '--quiet', '--force'])).err).toBe('');
      }
    });

    /** Serves a policy, and gives `work` a function that asks. */
    async function served(
      policy: string,
      more: readonly string[],
      work: (ask: (body: object) => Promise<Response>, base: string) => Promise<void>,
    ) {
      const stop = new AbortController();
      let out = '';
      const stdout = { write: (text: string) => (out += text) };
      const argv = [
        'route',
        'serve',
        policy,
        '--models',
        models(),
        '--port',
        '0',
        '--decisions',
        at('decisions.jsonl'),
      ];
      const streams = { stdout, stderr: { write: () => '' }, signal: stop.signal, debug: false };
      const serving = run([...argv, ...more], verbs, streams);
      await vi.waitFor(() => expect(out).toContain('listening on '), { timeout: 10_000 });
      const base = out.trim().replace('listening on ', '');
      try {
        await work(
          (body) => fetch(`${base}/v1/chat/completions`, { method: 'POST', body: JSON.stringify(body) }),
          base,
        );
      } finally {
        stop.abort(new Error('stopped'));
        await serving;
      }
    }
    interface Routed {
      readonly choices: readonly { readonly message: { readonly content: string; readonly refusal?: string } }[];
      readonly ccpo: {
        readonly set: string[];
        readonly rounds: number;
        readonly cost: number;
        readonly guarantee: string;
      };
      readonly usage: { readonly total_tokens: number };
    }
    const routed = async (answer: Response) => (await answer.json()) as Routed;
    const asking = (content: unknown) => ({ model: 'ccpo', messages: [{ role: 'user', content }] });
    const all = { choices: ['4', '6'], cost: 2 * 3 }; // of two rounds; the base is free

    test('a certified policy answers with its set and says so in headers; decisions hold no question', async () => {
      rmSync(at('decisions.jsonl'), { force: true });
      await served(at('served'), [], async (ask, base) => {
        const answer = await ask(asking('3+3'));
        const { choices, ccpo, usage } = await routed(answer);
        expect(choices.map(({ message }) => message.content)).toEqual(ccpo.set);
        expect([ccpo.guarantee, answer.headers.get('x-cria-guarantee')]).toEqual(['batch', 'batch']);
        expect(Number(answer.headers.get('x-cria-cost'))).toBe(ccpo.cost);
        expect(usage.total_tokens).toBe(24 * ccpo.rounds); // two calls a round
        const again = await ask({ messages: [...asking('3+3').messages, { role: 'user', content: '2+2' }] });
        expect(again.headers.get('x-cria-guarantee')).toBe('void'); // a follow-up
        expect((await ask({ messages: [] })).status).toBe(400);
        expect((await fetch(`${base}/nothing`)).status).toBe(404);
        const odd = await fetch(`${base}/v1/chat/completions`, { method: 'POST', body: '{' });
        expect([odd.status, await odd.text()]).toEqual([400, expect.stringContaining('the body is not JSON')]);
      });
      const [decision] = linesIn(at('decisions.jsonl'));
      expect(decision).toMatchObject({
        ...{ audited: false, sets: expect.any(Array), pi: expect.any(Array), obs: expect.any(Array) },
      });
      expect(JSON.stringify(decision)).not.toContain('3+3');
    });

    test('at a threshold below every score all rounds are run, above every score one, without an answer', async () => {
      await served(edited('low.json', -1), [], async (ask) => {
        const answer = await ask(asking([{ type: 'text', text: '3+3' }]));
        const { ccpo } = await routed(answer);
        expect([new Set(ccpo.set), ccpo.cost]).toEqual([new Set(all.choices), all.cost]);
        expect(answer.headers.get('x-cria-route')).toBe('rounds=2');
      });
      await served(edited('high.json', 2), [], async (ask) => {
        const { choices, ccpo } = await routed(await ask(asking('3+3')));
        expect(choices).toMatchObject([{ message: { content: '', refusal: expect.stringContaining('No answer') } }]);
        expect(ccpo).toMatchObject({ set: [], rounds: 1, cost: 3 });
      });
    });

    test('a stream brings the same answers as events', async () => {
      await served(edited('low.json', -1), [], async (ask) => {
        const answer = await ask({ ...asking('3+3'), stream: true, stream_options: { include_usage: true } });
        expect(answer.headers.get('content-type')).toBe('text/event-stream');
        expect(answer.headers.get('x-cria-route')).toBe('rounds=2');
        const events = (await answer.text()).trim().split('\n\n');
        expect(events.at(-1)).toBe('data: [DONE]');
        const chunks = events.slice(0, -1).map((event) => JSON.parse(event.replace('data: ', '')));
        const given = chunks.flatMap(({ choices }) => choices).filter(({ delta }) => delta.content);
        expect(new Set(given.map(({ delta }) => delta.content))).toEqual(new Set(all.choices));
        expect(chunks.at(-2)).toMatchObject({ choices: [{ finish_reason: 'stop' }, {}], ccpo: { cost: all.cost } });
        expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 48 } });
      });
    });

    test('on a ladder the guide is called only where the policy goes on', async () => {
      const ladder = (kappa: number) => {
        const policy = JSON.parse(readFileSync(join(at('ladder-policy'), 'policy.json'), 'utf8'));
        return file(`ladder${kappa}.json`, JSON.stringify({ ...policy, kappa_hat: kappa }));
      };
      await served(ladder(2), [], async (ask) => {
        asked = 0;
        const answer = await ask(asking('3+3'));
        expect([asked, answer.headers.get('x-cria-route'), answer.headers.get('x-cria-cost')]).toEqual([
          1,
          'calls=1',
          '0',
        ]);
      });
      await served(ladder(-1), [], async (ask) => {
        asked = 0;
        const answer = await ask(asking('3+3'));
        expect([asked, answer.headers.get('x-cria-route')]).toEqual([4, 'calls=4']);
        expect((await routed(answer)).ccpo).toMatchObject({ cost: all.cost, rounds: 2 });
      });
      await served(ladder(2), ['--shadow'], async (ask) => {
        asked = 0;
        const answer = await ask(asking('3+3'));
        expect((await routed(answer)).choices[0]?.message.content).toBe('6');
        const headers = ['route', 'cost', 'saved'].map((name) => answer.headers.get(`x-cria-${name}`));
        expect([asked, ...headers]).toEqual([2, 'guide', '3', '3']); // the base alone would have cost nothing
      });
    });

    test('models that choose among answers cannot be served', async () => {
      const local = file('local.yaml', '- {role: base, model: cria-tiny}\n- {role: guide, model: cria-tiny}');
      const { code, err } = await call(['route', 'serve', at('served'), '--models', local]);
      expect([code, err]).toEqual([2, expect.stringContaining('chooses among given answers')]);
    });

    test('an endpoint that fails ends the run: every answer so far, without a guarantee', async () => {
      await served(at('served'), ['--audit-rate', '1'], async (ask) => {
        [asked, failing] = [0, () => asked > 2];
        const answer = await ask(asking('3+3'));
        const { ccpo } = await routed(answer);
        expect([ccpo.set, ccpo.rounds, ccpo.guarantee]).toEqual([['4', '6'], 1, 'void']);
        failing = () => true;
        expect((await ask(asking('2+2'))).status).toBe(400);
        failing = () => false;
      });
    });
  });

  test('a dry run counts questions and calls, and what a log allows', async () => {
    asked = 0;
    const { out } = await log('--dry-run', '--json', '--force');
    expect([JSON.parse(out), asked]).toMatchObject([{ questions: 3, calls: 6 }, 0]);
    const argv = ['route', 'train', at('many'), at('dry'), '--dry-run', '--json', '--quiet'];
    expect(JSON.parse((await call(argv)).out)).toMatchObject({ questions: 58, go: expect.any(Boolean) });
    expect(existsSync(at('dry'))).toBe(false);
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
    expect((await log()).err).toContain('holds an unfinished run (pass --resume to continue it');
    expect((await log('--resume')).code).toBe(0);
    expect(asked).toBe(4); // the first question was done
    expect(linesIn(join(at('log'), 'trajectories.jsonl'))).toHaveLength(3);
  });

  test.each([
    ['an odd split', { split: 'dev' }, 'its split is "dev"'],
    ['a qid twice', { qid: 'a' }, 'repeats the qid a'],
    ['no choices', { choices: [] }, 'choices is not a list of texts'],
    ['no gold', { gold: [] }, 'gold is not a list of texts'],
  ])('questions with %s are refused before any call', async (_, more, sentence) => {
    asked = 0;
    const rows = [
      { qid: 'a', question: 'x', gold: ['y'] },
      { qid: 'b', question: 'x', gold: ['y'], ...more },
    ];
    const path = file('odd.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
    const { code, err } = await call(['route', 'log', at('never'), '--models', models(), '--questions', path]);
    expect([code, err, asked]).toEqual([2, expect.stringContaining(`row 2: ${sentence}`), 0]);
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
