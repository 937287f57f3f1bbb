import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Hypothesis, Score } from '../../src/methods/cultural-expressiveness/index.ts';
import { call } from '../command-line.ts';
import { needs, shared, shippedModel } from '../shared.ts';

const folder = mkdtempSync(join(tmpdir(), 'cria-culture-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let made = 0;
const fresh = (name: string) => join(folder, `${++made}-${name}`);

function file(name: string, content: string | Uint8Array): string {
  const path = fresh(name);
  writeFileSync(path, content);
  return path;
}

async function json(...argv: string[]) {
  const { code, out, err } = await call([...argv, '--json', '--quiet']);
  expect(err).toBe('');
  expect(code).toBe(0);
  return JSON.parse(out);
}

/** Scores with few resamples, and the path of the output. */
async function score(responses: string, ...more: string[]) {
  const out = fresh('scores');
  return json('culture', 'score', '--responses', responses, out, '--resamples', '200', ...more);
}

const read = (path: string) => readFileSync(path, 'utf8');
const rowsOf = (path: string): Score[] =>
  read(join(path, 'scores.jsonl'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

const foods = ['arepa', 'ceviche', 'chipa', 'mate', 'feijoada', 'tamal', 'canguil', 'asado', 'pupusa', 'locro'];
const countries = [
  'Venezuela',
  'Perú',
  'Paraguay',
  'Uruguay',
  'Brasil',
  'México',
  'Ecuador',
  'Argentina',
  'El Salvador',
  'Bolivia',
];

/** A small table as the published one: `systems` give an answer to question i. */
function table(systems: Record<string, (i: number) => string>, { count = 10, delimiter = ',' } = {}): string {
  const quoted = (cells: readonly string[]) => cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(delimiter);
  const header = [
    'Question',
    'responses_v1',
    'responses_v2',
    ...Object.keys(systems).map((name) => `${name}_Response`),
  ];
  const rows = Array.from({ length: count }, (_, i) => [
    `¿Qué se come en ${countries[i]}; y por qué, señor ${i}?`,
    `En ${countries[i]} nos gusta mucho la ${foods[i]}, es muy buena.`,
    `La ${foods[i]} de mi país, ${countries[i]}, es rica.`,
    ...Object.values(systems).map((of) => of(i)),
  ]);
  return `${[header, ...rows].map(quoted).join('\n')}\n`;
}

const good = (i: number) => `La ${foods[i]} es muy buena, señor, la comen en ${countries[i]}.`;
const bad = (i: number) => `It is terrible, number ${i}.`;
const middling = (i: number) => `Es la comida de ${countries[i]}${i % 2 ? ', y es mala.' : '.'}`;

describe('score', () => {
  test('answers like those of people score higher, and a page, rows and tests are written', async () => {
    const result = await score(file('a.csv', table({ good, bad, middling })));
    expect(Object.keys(result.systems)).toEqual(['good', 'bad', 'middling']);
    expect(result.systems.good.ce).toBeGreaterThan(result.systems.middling.ce);
    expect(result.systems.middling.ce).toBeGreaterThan(result.systems.bad.ce);
    for (const { ce, low, high, n } of Object.values<Record<string, number>>(result.systems)) {
      expect(low).toBeLessThanOrEqual(ce as number);
      expect(high).toBeGreaterThanOrEqual(ce as number);
      expect(n).toBe(10);
    }
    expect(result.semSimUsable).toBe(true);
    const rows = rowsOf(result.path);
    expect(rows).toHaveLength(30);
    const own = rows.filter(({ system }) => system === 'good').map(({ ce }) => ce as number);
    expect(result.systems.good.ce).toBeCloseTo(own.reduce((a, b) => a + b) / own.length, 12);
    for (const name of ['tests.json', 'quality.json', 'report.html', 'cria.json', 'promptfoo.jsonl', 'systems.svg']) {
      expect(existsSync(join(result.path, name)), name).toBe(true);
    }
    const { inputs } = JSON.parse(read(join(result.path, 'cria.json')));
    const builtIn = ['cria/lexicon.jsonl', 'cria/sentiment.jsonl']; // by name: an install elsewhere resumes the run
    expect(Object.keys(inputs).slice(-2)).toEqual(builtIn);
    const tests: Hypothesis[] = JSON.parse(read(join(result.path, 'tests.json')));
    expect(tests.filter(({ family }) => family === 'omnibus').map(({ metric }) => metric)).toEqual([
      'ce',
      'kf',
      'ds',
      'ss',
    ]);
    expect(tests.filter(({ family, metric }) => family === 'pairs' && metric === 'ce')).toHaveLength(3);
    expect(tests.filter(({ family }) => family === 'misalignment')).toHaveLength(3);
    expect(tests.every(({ p, pAdjusted }) => p >= 0 && pAdjusted <= 1 && pAdjusted >= p - 1e-12)).toBe(true);
  });

  // oracle 14
  test('a system beside itself under another name: p 1, no effect, no difference', async () => {
    const { tests } = await score(file('a.csv', table({ one: good, other: good })));
    const pairs = (tests as Hypothesis[]).filter(({ family }) => family === 'pairs');
    expect(pairs).toHaveLength(4);
    for (const { p, effect, difference, low, high } of pairs) {
      expect([p, effect.value, difference, low, high]).toEqual([1, 0, 0, 0, 0]);
    }
    expect((tests as Hypothesis[]).some(({ family }) => family === 'omnibus')).toBe(false);
  });

  test('systems that share no question are compared as independent groups', async () => {
    const questions = file(
      'q.jsonl',
      lines(20, (i) => ({ id: `q${i}`, question: `¿Qué comen en casa ${i}?` })),
    );
    const references = file(
      'r.jsonl',
      lines(20, (i) => ({ qid: `q${i}`, text: `Comemos ${foods[i % 10]} y café.` })),
    );
    const responses = file(
      'a.jsonl',
      lines(20, (i) => ({
        qid: `q${i}`,
        system: i < 10 ? 'x' : 'y',
        text: i < 10 ? `${foods[i]} ${'y más '.repeat(i)}` : 'nada',
      })),
    );
    const { tests } = await score(responses, '--questions', questions, '--references', references);
    const pairs = (tests as Hypothesis[]).filter(({ family }) => family === 'pairs');
    expect(pairs.every(({ test: name }) => ['tukey', 'games-howell', 'dunn'].includes(name))).toBe(true);
    expect(pairs.find(({ metric }) => metric === 'kf')).toMatchObject({
      n: 20,
      effect: { name: 'cliff-delta', value: 1 },
    });
  });

  test('an empty cell is missing, an empty text of rows is an answer', async () => {
    const table1 = await score(file('a.csv', table({ good, holes: (i) => (i === 0 ? '' : bad(i)) })));
    expect(table1.systems.holes.n).toBe(9);
    const questions = file(
      'q.jsonl',
      lines(2, (i) => ({ id: `q${i}`, question: `¿Qué comen ${i}?` })),
    );
    const references = file(
      'r.jsonl',
      lines(2, (i) => ({ qid: `q${i}`, text: 'Una arepa, muy buena.' })),
    );
    const responses = file(
      'a.jsonl',
      lines(2, (i) => ({ qid: `q${i}`, system: 'x', text: i === 0 ? '' : 'arepa' })),
    );
    const [first] = rowsOf((await score(responses, '--questions', questions, '--references', references)).path);
    expect(first).toMatchObject({ kf: 0, ss: 0, s_sys: 0 });
  });

  test('a seed gives the same bytes, and report computes them again from the scores', async () => {
    const responses = file('a.csv', table({ good, bad, middling }));
    const [first, second] = [await score(responses), await score(responses)];
    for (const name of ['scores.jsonl', 'tests.json', 'systems.json']) {
      expect(read(join(first.path, name))).toBe(read(join(second.path, name)));
    }
    const out = fresh('report');
    const again = await json('culture', 'report', join(first.path, 'scores.jsonl'), out, '--resamples', '200');
    expect(again.systems).toEqual(first.systems);
    expect(read(join(out, 'tests.json'))).toBe(read(join(first.path, 'tests.json')));
  });

  test('report takes rows with the fields of the specification alone', async () => {
    const scores = file(
      'scores.jsonl',
      lines(6, (i) => {
        return {
          qid: `q${i % 3}`,
          system: i < 3 ? 'a' : 'b',
          kf: 0.5,
          s_sys: 0.1 * i,
          s_ref: 0.2,
          ds: Math.abs(0.1 * i - 0.2),
          ss: null,
          ce: i / 10,
        };
      }),
    );
    const { systems, path } = await json('culture', 'report', scores, fresh('report'), '--resamples', '100');
    expect(systems.a).toMatchObject({ n: 3, ss: null });
    expect(systems.a.ce).toBeCloseTo(0.1, 12);
    expect(existsSync(join(path, 'report.html'))).toBe(true);
  });

  test('some systems, other weights and other lists can be asked for', async () => {
    const lists = fresh('lists');
    const { mkdirSync } = await import('node:fs');
    mkdirSync(lists);
    writeFileSync(join(lists, 'lexicon.jsonl'), '{"term":"comida","lang":"es"}\n{"term":"rica","lang":"es"}\n');
    writeFileSync(join(lists, 'sentiment.jsonl'), '{"term":"rica","lang":"es","valence":2}\n');
    const responses = file('a.csv', table({ good, bad, middling }));
    const result = await score(responses, '--system', 'middling', '--weights', '1,0,0', '--lexicon', lists);
    expect(Object.keys(result.systems)).toEqual(['middling']);
    expect(result.systems.middling).toMatchObject({ ce: 0, kf: 0 });
  });
});

const lines = (count: number, row: (i: number) => object) =>
  Array.from({ length: count }, (_, i) => `${JSON.stringify(row(i))}\n`).join('');

describe('embeddings', () => {
  test('vectors of a file are used, and a missing text is refused', async () => {
    const responses = file('a.csv', table({ good }, { count: 2 }));
    const texts = [0, 1].flatMap((i) => [
      `En ${countries[i]} nos gusta mucho la ${foods[i]}, es muy buena.`,
      `La ${foods[i]} de mi país, ${countries[i]}, es rica.`,
      good(i),
    ]);
    const vectors = texts.map((text, i) => JSON.stringify({ text, embedding: i === 2 ? [3, 4] : [1, 0] }));
    const whole = await score(responses, '--embeddings', file('v.jsonl', `${vectors.join('\n')}\n`));
    expect(rowsOf(whole.path).map(({ ss }) => ss)).toEqual([0.6, 1]);
    const { code, err } = await call([
      ...['culture', 'score', '--responses', responses, fresh('out'), '--quiet'],
      ...['--embeddings', file('v.jsonl', `${vectors.slice(1).join('\n')}\n`)],
    ]);
    expect(code).toBe(2);
    expect(err).toMatch(/has no vector of the text/);
  });

  test('a server is asked for vectors by its only model', async () => {
    const server = createServer(async (request, response) => {
      let body = '';
      for await (const piece of request) body += piece;
      const data = request.url?.endsWith('/models')
        ? [{ id: 'encoder' }]
        : (JSON.parse(body).input as string[]).map((text, index) => ({ index, embedding: [text.length, 1] }));
      response.end(JSON.stringify({ data }));
    });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    try {
      const { port } = server.address() as AddressInfo;
      const url = `http://127.0.0.1:${port}`;
      const { semSim, systems } = await score(file('a.csv', table({ good })), '--embeddings', url);
      expect(semSim.encoder).toMatch(/^encoder at /);
      expect(systems.good.ss).toBeGreaterThan(0.9);
    } finally {
      server.close();
    }
  });
});

describe('tables in other encodings', () => {
  const text = table({ good, bad });
  const withMark = (bytes: Buffer, ...mark: number[]) => Buffer.concat([Buffer.from(mark), bytes]);
  const big = Buffer.from(text, 'utf16le').swap16();
  test.each<[string, string | Uint8Array]>([
    ['a byte order mark', withMark(Buffer.from(text), 0xef, 0xbb, 0xbf)],
    ['UTF-16, little end first', withMark(Buffer.from(text, 'utf16le'), 0xff, 0xfe)],
    ['UTF-16, big end first', withMark(big, 0xfe, 0xff)],
    ['CR LF', text.replaceAll('\n', '\r\n')],
    ['semicolons', table({ good, bad }, { delimiter: ';' })],
    ['tabs', table({ good, bad }, { delimiter: '\t' })],
  ])('%s is read identically', async (_, content) => {
    const plain = await score(file('a.csv', text));
    const other = await score(file('a.csv', content));
    expect(read(join(other.path, 'scores.jsonl'))).toBe(read(join(plain.path, 'scores.jsonl')));
  });
});

describe('bad input is one sentence, and nothing is written', () => {
  const text = table({ good, bad });
  const [header = '', first = '', ...others] = text.trim().split('\n');
  test.each<[string, string | Uint8Array, string[], RegExp]>([
    ['Latin-1', Buffer.from(text, 'latin1'), [], /is not text in UTF-8 \(it may be Latin-1/],
    ['UTF-16 without a mark', Buffer.from(text, 'utf16le'), [], /is not text in UTF-8/],
    [
      'a short row',
      `${header}\n${first.split(',').slice(0, 2).join(',')}\n${others.join('\n')}`,
      [],
      /is not valid CSV/,
    ],
    ['a quote behind a space', `${text}"otra pregunta","", "","una arepa","no"\n`, [], /is not valid CSV/],
    ['an open quote', `${header}\n${first}\n"open`, [], /is not valid CSV/],
    [
      'a column twice',
      header.replace('bad_Response', 'good_Response') + text.slice(header.length),
      [],
      /has the column 'good_Response' twice/,
    ],
    ['a question twice', `${text}${first}\n`, [], /the question of row 1 is there again/],
    ['no rows', `${header}\n`, [], /has no rows/],
    ['no systems', 'Question,responses_v1\n¿Qué?,nada\n', [], /holds no answers of a system/],
    [
      'a question without references',
      `${text}"otra pregunta","","","una arepa","no"\n`,
      [],
      /the question q11 has no reference/,
    ],
    ['an unknown system', text, ['--system', 'other'], /there is no system other \(it has good, bad\)/],
    ['weights that do not sum to 1', text, ['--weights', '.3,.3,.3'], /is not three weights that sum to 1/],
    ['two weights', text, ['--weights', '.5,.5'], /is not three weights that sum to 1/],
    ['lists that are not there', text, ['--lexicon', '/nowhere'], /does not exist/],
    ['a model that is not there', text, ['--embeddings', '/nowhere'], /does not exist/],
  ])('%s', async (_, content, more, sentence) => {
    const out = fresh('out');
    const { code, err } = await call([
      'culture',
      'score',
      '--responses',
      file('a.csv', content),
      out,
      '--quiet',
      ...more,
    ]);
    expect(err).toMatch(sentence);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(2);
    expect(existsSync(out)).toBe(false);
  });

  test.each([
    ['an answer twice', { qid: 'q0', system: 'a', text: 'x' }, /the system a answers q0 twice/],
    ['an answer to no question', { qid: 'q9', system: 'a', text: 'x' }, /there is no question q9/],
    ['an answer without a text', { qid: 'q0', system: 'b' }, /has no text/],
  ])('%s', async (_, row, sentence) => {
    const questions = file(
      'q.jsonl',
      lines(1, () => ({ id: 'q0', question: '¿Qué comen?' })),
    );
    const references = file(
      'r.jsonl',
      lines(1, () => ({ qid: 'q0', text: 'Una arepa.' })),
    );
    const responses = file('a.jsonl', `{"qid":"q0","system":"a","text":"arepa"}\n${JSON.stringify(row)}\n`);
    const argv = ['culture', 'score', '--responses', responses, fresh('out'), '--quiet'];
    const { code, err } = await call([...argv, '--questions', questions, '--references', references]);
    expect(err).toMatch(sentence);
    expect(code).toBe(2);
  });

  test('references without consent are left out, and counted', async () => {
    const questions = file(
      'q.jsonl',
      lines(1, () => ({ id: 'q0', question: '¿Qué comen?' })),
    );
    const references = file(
      'r.jsonl',
      lines(2, (i) => ({ qid: 'q0', text: `Una arepa ${i}.`, consent: i === 0 })),
    );
    const responses = file('a.jsonl', '{"qid":"q0","system":"a","text":"arepa"}\n');
    const { path } = await score(responses, '--questions', questions, '--references', references);
    expect(JSON.parse(read(join(path, 'quality.json')))).toMatchObject({ withoutConsent: 1 });
  });
});

const published = shared('data', 'latam', 'consolidated_responses.csv');
const { skip, reason } = needs(published, 'the published answers');

// oracle 15
test.skipIf(skip)(
  `the released answers: ChatGPT has 6 distinct of 53, BLOOM 45 of 54 filled, and both are flagged${reason}`,
  async () => {
    const { systems, gates, questions, references } = await json('culture', 'check', published as string);
    expect([questions, references]).toEqual([54, 107]);
    expect(systems.ChatGPT).toMatchObject({ items: 54, filled: 53, distinct: 6 });
    expect(gates.ChatGPT).toContain('few-distinct');
    expect(systems['BLOOM-7B']).toMatchObject({ filled: 45 });
    expect(gates['BLOOM-7B']).toEqual(expect.arrayContaining(['incomplete', 'degenerate']));
    expect(gates['Zephyr-7B']).toEqual([]);
  },
);

test('a dry run of score writes nothing', async () => {
  const { answers, path } = await score(file('a.csv', table({ good, bad })), '--dry-run');
  expect(answers).toBe(20);
  expect(existsSync(path)).toBe(false);
});

test('answers without references can be checked', async () => {
  const answers = file('a.csv', 'question,a_response\n¿Qué?,nada\n¿Y eso?,nada\n¿Por qué?,nada\n');
  const { systems, references } = await json('culture', 'check', answers);
  expect(references).toBe(0);
  expect(systems.a).toMatchObject({ items: 3, filled: 3, distinct: 1, flags: ['few-distinct'] });
});

test.skipIf(skip)(`the released answers are scored, whoever reads them${reason}`, async () => {
  const { systems, semSimUsable, baselines } = await score(published as string);
  expect(Object.keys(systems)).toHaveLength(6);
  expect(systems['BLOOM-7B'].n).toBeLessThan(systems.Grok.n);
  expect(semSimUsable).toBe(false);
  expect(baselines.stuffed.kf).toBe(1);
  expect(baselines.shuffled.kf).toBeLessThan(baselines.human.kf);
});

describe('train', () => {
  const data = () => file('a.csv', table({}, { count: 4 }));
  const argv = (out: string, path: string, ...more: string[]) => [
    ...['culture', 'train', shippedModel, out, '--data', path, '--folds', '2', '--epochs', '1', '--max-tokens', '4'],
    ...['--sequence', '200', '--resamples', '100', '--threads', '1', ...more],
  ];

  test('adapters of two folds, answers of every split scored, and an interrupted run resumed to the same bytes', async () => {
    const path = data();
    const [out, other] = [fresh('tuned'), fresh('tuned')];
    const { before, heldOut, inSample, gains, quality } = await json(...argv(out, path, '--prompting', 'few-shot'));
    for (const { ce, low, high, n } of [before, heldOut, inSample]) {
      expect(n).toBe(4);
      expect(low).toBeLessThanOrEqual(ce);
      expect(high).toBeGreaterThanOrEqual(ce);
    }
    expect(quality.before.items).toBe(4);
    expect(gains.heldout.ce.difference).toBeCloseTo(heldOut.ce - before.ce, 12);
    const folds: { fold: number; train: string[]; test: string[]; adapter: string }[] = JSON.parse(
      read(join(out, 'folds.json')),
    );
    expect(folds.flatMap(({ test: own }) => own).toSorted()).toEqual(['q1', 'q2', 'q3', 'q4']);
    for (const { train, test: own, adapter } of folds) {
      expect(train.filter((qid) => own.includes(qid))).toEqual([]);
      expect(existsSync(join(out, adapter, 'adapter_config.json'))).toBe(true);
    }
    const rows = rowsOf(out);
    expect(rows.map(({ split }) => split).toSorted()).toEqual(
      ['before', 'heldout', 'insample'].flatMap((split) => [split, split, split, split]),
    );
    for (const { split, qid, fold } of rows) {
      expect(folds.find(({ test: own }) => own.includes(qid))?.fold, split).toBe(fold);
    }
    expect(existsSync(`${out}.culture`)).toBe(false);

    const controller = new AbortController();
    const watching = setInterval(() => {
      if (existsSync(join(`${other}.culture`, 'fold-1'))) controller.abort(new Error('stop'));
    }, 2);
    const stopped = await call([...argv(other, path, '--prompting', 'few-shot'), '--quiet'], {
      signal: controller.signal,
    });
    clearInterval(watching);
    expect(stopped.code).not.toBe(0);
    expect(existsSync(other)).toBe(false);
    const again = await call([...argv(other, path, '--prompting', 'few-shot'), '--quiet']);
    expect([again.code, again.err]).toEqual([2, expect.stringMatching(/holds an unfinished run/)]);
    await json(...argv(other, path, '--prompting', 'few-shot', '--resume'));
    for (const name of ['scores.jsonl', 'answers.jsonl', 'fold-2/adapter_model.safetensors']) {
      expect(readFileSync(join(other, name)).equals(readFileSync(join(out, name))), name).toBe(true);
    }
    expect(existsSync(`${other}.culture`)).toBe(false);
  }, 60_000);

  test.each([
    ['one fold', ['--folds', '1'], /1 folds of 4 different questions cannot be made/],
    ['more folds than questions', ['--folds', '5'], /5 folds of 4 different questions/],
    ['another prompting', ['--prompting', 'shouting'], /'shouting' is not a way to prompt/],
    ['nothing to resume', ['--resume'], /there is no unfinished run to resume/],
  ])('%s is refused', async (_, more, sentence) => {
    const out = fresh('out');
    const { code, err } = await call([...argv(out, data()), '--quiet', ...more]);
    expect(err).toMatch(sentence);
    expect(code).toBe(2);
    expect(existsSync(out)).toBe(false);
  });

  test('a dry run prints the folds and writes nothing', async () => {
    const out = fresh('out');
    const { folds, answers } = await json(...argv(out, data(), '--dry-run'));
    expect(folds).toHaveLength(2);
    expect(answers).toBe(12);
    expect(existsSync(out)).toBe(false);
  });
});
