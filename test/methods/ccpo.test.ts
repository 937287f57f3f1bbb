import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { frontier, leastCost } from '../../src/router/optimum.ts';
import { historiesOf, presets } from '../../src/router/presets.ts';
import { call } from '../command-line.ts';

const folder = mkdtempSync(join(tmpdir(), 'cria-route-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (...names: string[]) => join(folder, ...names);

async function route(...argv: string[]) {
  const { code, out, err } = await call(['route', ...argv, '--json']);
  return { code, err, ...(out !== '' && { told: JSON.parse(out) }) };
}
async function done(...argv: string[]) {
  const { code, err, told } = await route(...argv);
  expect(code, err).toBe(0);
  return told;
}

interface Round {
  base: Record<string, unknown>;
  guide: Record<string, unknown>;
  obs: unknown[];
  ok_base?: boolean;
  ok_guide?: boolean;
}
type LogRow = Record<string, unknown> & { qid: string; split?: string; rounds: Round[] };
const rowsOf = (path: string): LogRow[] =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

/** Least cost at a realised coverage (specification, oracle 5.8). */
const optimumAt = (coverage: number) => Math.min(1.5, Math.max(1, 1 + (coverage - 0.825) / 0.3));
const quick = ['--steps', '700', '--hidden', '32,32'];

describe('a simulated log', () => {
  let evaluated: Awaited<ReturnType<typeof done>>;
  beforeAll(async () => {
    await done('simulate', at('log'), '--questions', '6000', '--seed', '5');
    await done('train', at('log'), at('policy'), '--alpha', '0.035', ...quick);
    await done('calibrate', at('policy'), at('log'), at('certified'));
    evaluated = await done('evaluate', at('certified'), at('log'), '--splits', '200');
  }, 60_000);

  test('oracle 8: cost within 2% of the optimum at the realised coverage', () => {
    const { cost, coverage, baselines, drift, splits, guarantee, solvableRate } = evaluated;
    expect(coverage.value).toBeGreaterThan(0.95); // 42 of 1201 missed, with the errors of 1,200 rows and of 1,200 more
    expect(coverage.value).toBeLessThan(0.985);
    const drawn = rowsOf(at('log', 'trajectories.jsonl')).filter(({ split }) => split === 'test');
    const hard = drawn.filter(({ rounds }) => rounds[0]?.obs[3] === 1).length / drawn.length;
    const slack = Math.abs(hard - 0.5) + 0.03; // the test rows are one draw
    expect(cost).toBeLessThan(1.02 * optimumAt(coverage.value) + slack);
    expect(cost).toBeGreaterThan(optimumAt(coverage.value) - slack);
    expect([guarantee, drift.alarm, solvableRate]).toEqual(['batch', false, 1]);
    expect(cost).toBeLessThanOrEqual(baselines['always-deep'].cost);
    expect([
      baselines['always-deep'].cost,
      baselines['always-deep'].coverage.value,
      baselines['always-small'].cost,
    ]).toEqual([2, 1, 0]);
    const mean = splits.reduce((sum: number, each: { coverage: number }) => sum + each.coverage, 0) / 200;
    expect(mean).toBeGreaterThan(0.96); // 1 - 42 / 1201 = 0.96503
    expect(mean).toBeLessThan(0.97);
  });

  test('figures can be computed again from the rows, and scores from policy.json alone', () => {
    const told = evaluated;
    const rows = rowsOf(told.rows) as unknown as { qid: string; kappaStar: number; covered: boolean; cost: number }[];
    expect(rows.reduce((sum, { cost }) => sum + cost, 0) / rows.length).toBeCloseTo(told.cost, 12);
    expect(rows.filter(({ covered }) => covered).length / rows.length).toBe(told.coverage.value);
    const policy = JSON.parse(readFileSync(at('certified', 'policy.json'), 'utf8'));
    const log = rowsOf(at('log', 'trajectories.jsonl'));
    for (const { qid, kappaStar, covered } of rows.slice(0, 50)) {
      const critical = criticalByHand(policy, log.find((row) => row.qid === qid) as LogRow);
      expect(kappaStar).toBeCloseTo(critical, 12);
      expect(covered).toBe(critical >= policy.kappa_hat);
    }
    const all = log.filter(({ split }) => split === 'calib').map((row) => criticalByHand(policy, row));
    expect(policy.kappa_hat).toBeCloseTo(all.sort((a, b) => a - b)[policy.calib.k - 1] as number, 12);
    expect([policy.calib.n, policy.calib.k]).toEqual([1200, 42]);
  });

  test('oracle 11: a seed gives an identical policy file', async () => {
    await done('train', at('log'), at('policy-again'), '--alpha', '0.035', ...quick);
    const texts = ['policy', 'policy-again'].map((name) => readFileSync(at(name, 'policy.json'), 'utf8'));
    expect(texts[0]).toBe(texts[1]);
  }, 60_000);

  test('oracle 9: calibration depends on scores and labels only, not on costs or lambda', async () => {
    const rows = rowsOf(at('log', 'trajectories.jsonl'));
    for (const { rounds } of rows) for (const round of rounds) round.guide.cost = 17;
    writeFileSync(at('costly.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
    const told = await done('calibrate', at('policy'), at('costly.jsonl'), at('costly'));
    const { kappa_hat: kappa } = JSON.parse(readFileSync(at('certified', 'policy.json'), 'utf8'));
    expect(told.kappa).toBe(kappa);
  });

  test('explain tells which questions go deeper and what sends them there', async () => {
    const { depths, features } = await done('explain', at('certified'), at('log'));
    expect(depths.map(({ rounds }: { rounds: number }) => rounds)).toEqual([1, 2]);
    expect(depths[1].features.hard).toBeGreaterThan(0.5);
    expect(['easy', 'hard']).toContain(features[0].name);
    const path = await done('explain', at('certified'), at('log'), '--qid', 'q7');
    expect(path.rounds[0].set).toEqual(expect.arrayContaining(['BASE']));
    expect((await route('explain', at('certified'), at('log'), '--qid', 'none')).err).toContain(
      'the log has no question none',
    );
  });

  test('on a log of other models the guarantee is void', async () => {
    const rows = rowsOf(at('log', 'trajectories.jsonl'));
    for (const { rounds } of rows) for (const round of rounds) round.base.model = 'another';
    writeFileSync(at('other.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
    const { told, err } = await route('evaluate', at('certified'), at('other.jsonl'));
    expect(told.guarantee).toBe('void');
    expect(err).toContain('its guarantee is void');
  });

  test.each([
    ['features', [null, null, null, null, null], 'a feature has no mean and std'],
    ['T', 1e9, 'its T is 1000000000'],
    ['kappa_hat', 'high', 'kappa_hat is not a number'],
    ['actions', 3, 'actions and mlp.sizes disagree'],
  ])('a policy with odd %s is refused', async (key, value, sentence) => {
    const policy = JSON.parse(readFileSync(at('certified', 'policy.json'), 'utf8'));
    writeFileSync(at('odd.json'), JSON.stringify({ ...policy, [key]: value }));
    const { code, err } = await route('evaluate', at('odd.json'), at('log'));
    expect([code, err]).toEqual([2, expect.stringContaining(sentence)]);
  });

  test.each([
    ['alpha of 0', ['train', 'log', 'x', '--alpha', '0'], '--alpha: must lie between 0 and 1 (got 0)'],
    [
      'alpha of 1.5',
      ['calibrate', 'policy', 'log', 'x', '--alpha', '1.5'],
      '--alpha: must lie between 0 and 1 (got 1.5)',
    ],
    [
      'too few calibration rows',
      ['calibrate', 'policy', 'log', 'x', '--alpha', '0.0005'],
      'needs 1999 calibration rows or more (there are 1200)',
    ],
    ['a missing log', ['train', 'none.jsonl', 'x'], 'does not exist'],
    ['a missing policy', ['evaluate', 'none', 'log'], 'does not exist'],
    ['an output that exists', ['train', 'log', 'policy'], 'already exists'],
    ['an unknown preset', ['simulate', 'x', '--preset', 'none'], "'none' is not a preset"],
  ])('%s is one sentence and exit code 2', async (_, argv, sentence) => {
    const [verb = '', ...words] = argv;
    const { code, err } = await route(
      verb,
      ...words.map((word) => (/^[a-z.]+$/.test(word) && word !== 'none' ? at(word) : word)),
    );
    expect([code, err]).toEqual([2, expect.stringContaining(sentence)]);
  });
});

/** kappa* of a row from a policy file, written anew from the contract. */
function criticalByHand(
  policy: { mlp: { sizes: number[]; weights_b64_f32le: string }; features: { mean: number; std: number }[] },
  { rounds }: LogRow,
): number {
  const weights = Buffer.from(policy.mlp.weights_b64_f32le, 'base64');
  let [reach, critical] = [Infinity, -Infinity];
  for (const [t, { obs, ok_base: okBase, ok_guide: okGuide }] of rounds.entries()) {
    let x = obs.map((each, i) => ((each as number) - (policy.features[i]?.mean ?? 0)) / (policy.features[i]?.std ?? 1));
    let offset = 0;
    const { sizes } = policy.mlp;
    for (const [layer, outputs] of sizes.slice(1).entries()) {
      const inputs = sizes[layer] as number;
      const read = (i: number) => weights.readFloatLE(4 * (offset + i));
      const y = Array.from({ length: outputs }, (_, j) =>
        x.reduce((sum, each, i) => sum + each * read(j * inputs + i), read(inputs * outputs + j)),
      );
      offset += (inputs + 1) * outputs;
      x = layer < sizes.length - 2 ? y.map(Math.tanh) : y;
    }
    const last = t === rounds.length - 1;
    const exps = x.map((z, a) => (last && a === 2 ? 0 : Math.exp(z)));
    const pi = exps.map((each) => each / exps.reduce((a, b) => a + b, 0));
    if (okBase) critical = Math.max(critical, Math.min(reach, pi[0] as number));
    if (okGuide) critical = Math.max(critical, Math.min(reach, pi[1] as number));
    reach = Math.min(reach, pi[2] as number);
  }
  return critical;
}

/** Cost over the least cost at the realised coverage, the mean spend of what is observed drawn as in the test rows. */
async function overOptimum(preset: string, ...training: string[]) {
  await done('simulate', at('other-log'), '--preset', preset, '--questions', '8000', '--seed', '3', '--force');
  await done('train', at('other-log'), at('other-policy'), '--alpha', '0.1', '--force', ...training);
  await done('calibrate', at('other-policy'), at('other-log'), at('other-certified'), '--force');
  const told = await done('evaluate', at('other-certified'), at('other-log'));
  return told.cost / leastCost(frontier(historiesOf(presets[preset] as (typeof presets)[string])), told.coverage.value);
}

test('critics and trust region come within 5% of the optimum of two rounds', { timeout: 60_000 }, async () => {
  const ratio = await overOptimum(
    'easy-hard',
    '--estimator',
    'vtrace',
    '--steps',
    '200',
    '--batch',
    '64',
    '--hidden',
    '16,16',
  );
  expect(ratio).toBeGreaterThan(0.95);
  expect(ratio).toBeLessThan(1.05);
});

test('on a ladder of calls the cost comes within 8% of the optimum', { timeout: 60_000 }, async () => {
  const ratio = await overOptimum('ladder', '--ladder', ...quick);
  expect(ratio).toBeGreaterThan(0.92);
  expect(ratio).toBeLessThan(1.08); // 1,600 test rows, and a short training
});

describe('a log of somebody else', () => {
  const round = (more: object = {}): Round => ({
    base: { model: 'a', answer: 'x', cost: 0 },
    guide: { model: 'b', judge: 'no', answer: 'y', cost: 1 },
    obs: [1, 0],
    ...more,
  });
  const row = (qid: string, more: object = {}) => ({
    v: 1,
    qid,
    gold: ['Y!'],
    rounds: [round(), round()],
    split: 'train',
    ...more,
  });
  const write = (rows: readonly object[]) => {
    writeFileSync(at('odd.jsonl'), rows.map((each) => JSON.stringify(each)).join('\n'));
    return at('odd.jsonl');
  };

  test.each([
    [
      'all costs zero',
      [row('1', { rounds: [round({ guide: { model: 'b', judge: 'no', answer: 'y', cost: 0 } })] })],
      'all costs are zero',
    ],
    [
      'a negative cost',
      [row('1', { rounds: [round({ base: { answer: 'x', cost: -1 } })] })],
      'row 1: round 1: the cost of the base is -1',
    ],
    ['no cost', [row('1', { rounds: [round({ base: { answer: 'x' } })] })], 'has no cost of the base'],
    [
      'obs of two lengths',
      [row('1'), row('2', { rounds: [round({ obs: [1] }), round()] })],
      'row 2: round 1 has 1 numbers in obs instead of 2',
    ],
    ['obs that is text', [row('1', { rounds: [round({ obs: ['a', 'b'] })] })], 'obs is not a list of numbers'],
    ['obs that is null', [row('1', { rounds: [round({ obs: [null] })] })], 'obs is not a list of numbers'],
    ['no guide', [row('1', { rounds: [{ base: { answer: 'x', cost: 1 }, obs: [1] }] })], 'has no guide'],
    [
      'no guide answer',
      [row('1', { rounds: [round({ guide: { judge: 'no', cost: 1 } })] })],
      'has no answer of the guide',
    ],
    ['fewer rounds', [row('1'), row('2', { rounds: [round()] })], 'has 1 rounds instead of 2'],
    ['an odd split', [row('1', { split: 'dev' })], 'its split is "dev"'],
    ['a repeated qid', [row('1'), row('1')], 'repeats the qid 1'],
    ['no rows', [], 'has no complete row'],
    ['an absent split', [row('1', { split: 'test' })], 'the log has no rows with the split train'],
    ['no rounds', [row('1', { rounds: [] })], 'needs 1 to 64 rounds'],
  ])('%s is one sentence and nothing is written', async (_, rows, sentence) => {
    const { code, err } = await route('train', write(rows), at('never'));
    expect([code, err]).toEqual([2, expect.stringContaining(sentence)]);
    expect(() => readFileSync(at('never', 'policy.json'))).toThrow('ENOENT');
  });

  test('is read with flags computed from the gold answers, and a yes takes the answer of the base', async () => {
    const agreed = row('2', { rounds: [round({ guide: { judge: 'yes', cost: 1 } }), round()] });
    const rows = [
      row('1'),
      agreed,
      ...Array.from({ length: 18 }, (_, i) => row(`t${i}`, { split: i < 9 ? 'calib' : 'test' })),
    ];
    const path = write(rows);
    await done('train', path, at('small'), '--steps', '5', '--force');
    await done('calibrate', at('small'), path, at('small-certified'), '--force');
    const told = await done('evaluate', at('small-certified'), path);
    expect([told.solvableRate, told.n, told.baselines['always-small'].coverage.value]).toEqual([1, 9, 0]);
  });
});

describe('audit', () => {
  const decision = (more: object) =>
    JSON.stringify({ qid: 'q', answers: ['Paris'], audited: true, solvable: true, ...more });
  const write = (lines: readonly string[]) => {
    writeFileSync(at('decisions.jsonl'), lines.join('\n'));
    return at('decisions.jsonl');
  };

  test('counts misses of audited rows, where an unsolvable one is none', async () => {
    const lines = [
      decision({ label: 'the Paris!' }),
      decision({ label: ['Rome'] }),
      decision({ label: 'Rome', solvable: false }),
      decision({ label: true }),
      decision({ audited: false }),
    ];
    const told = await done('audit', write(lines), '--alpha', '0.1');
    expect(told).toMatchObject({ rows: 5, audited: 4, missRate: { value: 0.25 }, drift: { alarm: false, at: null } });
  });

  test('alarms when misses double, and counts every row in the place', async () => {
    const lines = Array.from({ length: 1500 }, (_, i) => {
      const missed = i < 1000 ? i % 20 === 0 : i % 4 === 0;
      return decision({ label: missed ? 'Rome' : 'Paris', audited: i % 2 === 0 });
    });
    const { drift } = await done('audit', write(lines), '--alpha', '0.1');
    expect(drift.alarm).toBe(true);
    expect(drift.at).toBeGreaterThan(1000);
  });

  test('an audited row without a label is refused', async () => {
    const { code, err } = await route('audit', write([decision({})]));
    expect([code, err]).toEqual([2, expect.stringContaining('row 1: is audited and has no label')]);
  });
});
