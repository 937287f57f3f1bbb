import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../../src/checkpoint/index.ts';
import { countKept, support } from '../../../src/linalg/index.ts';
import { call, killedWhen } from '../../command-line.ts';
import { tinyModel } from '../../train/tiny.ts';

const folder = mkdtempSync(join(tmpdir(), 'cria-mosp-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const sizes = { hidden_size: 32, head_dim: 16 };
const model = await tinyModel({ ...sizes, intermediate_size: 64 }, join(folder, 'tiny'));

/** A text of an objective; test texts are of other numbers. */
function textFile(name: string, from: number, sentence: (i: number) => string): string {
  const path = join(folder, name);
  writeFileSync(path, Array.from({ length: 120 }, (_, i) => sentence(from + i)).join(' '));
  return path;
}

const words = ['one', 'two', 'three', 'four', 'five', 'six', 'seven'];
const counting = (i: number) => `after ${words[i % 6]} comes ${words[(i % 6) + 1]}.`;
const alphabet = (i: number) =>
  `${String.fromCharCode(97 + (i % 26))}${String.fromCharCode(97 + ((i * 7) % 26))} zyx ${i % 10}`;
const data = { count: textFile('count.txt', 0, counting), letters: textFile('letters.txt', 0, alphabet) };
const tests = {
  count: textFile('count-test.txt', 1000, counting),
  letters: textFile('letters-test.txt', 1003, alphabet),
};
const pairs = (option: string, files: Readonly<Record<string, string>>) =>
  Object.entries(files).flatMap(([name, path]) => [option, `${name}=${path}`]);
const objectives = pairs('--objective', data);
const windows = ['--samples', '6', '--sequence', '32', '--threads', '1', '--quiet'];

async function json(...argv: readonly string[]) {
  const { code, out, err } = await call([...argv, '--json']);
  expect(err).toBe('');
  expect(code).toBe(0);
  return JSON.parse(out);
}

async function refused(...argv: readonly string[]): Promise<string> {
  const { code, err } = await call([...argv, ...windows]);
  expect(code).toBe(2);
  return err.trim().replace(/^cria: /, '');
}

const linesOf = (path: string) =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const weightsIn = (path: string) => readFileSync(join(path, 'model.safetensors'));

describe('a front of two objectives at 60%', () => {
  const out = join(folder, 'front');
  const argv = [
    'mosp',
    model,
    out,
    ...objectives,
    ...pairs('--test', tests),
    '--sparsity',
    '0.6',
    '--points',
    '5',
    ...windows,
  ];
  const baselines = ['--baselines', 'magnitude,wanda,sparsegpt,alps,alps-per-task', '--write', 'all'];
  let front: Awaited<ReturnType<typeof json>>;
  beforeAll(async () => {
    front = await json(...argv, ...baselines);
  });

  test('has its files, its points and the perplexities that its rows give', () => {
    const files = [
      'baselines',
      'bundle.safetensors',
      'cria.json',
      'front.svg',
      'layers.jsonl',
      'pareto.json',
      'points',
      'report.html',
    ];
    expect(readdirSync(out).sort()).toEqual([...files, 'rows.jsonl', 'seconds.json']);
    const ids = ['1-0', '0.75-0.25', '0.5-0.5', '0.25-0.75', '0-1'];
    expect(front.points.map(({ id }: { id: string }) => id)).toEqual(ids);
    expect(front.points[1].weights).toEqual({ count: 0.75, letters: 0.25 });
    for (const { path } of [...front.points, front.baselines.sparsegpt]) expect(existsSync(path)).toBe(true);
    expect(existsSync(join(folder, 'front.mosp'))).toBe(false);
    const rows = linesOf(join(out, 'rows.jsonl'));
    const measured = (model: string, objective: string) => {
      const own = rows.filter((row) => row.model === model && row.objective === objective);
      const total = (key: string) => own.reduce((sum, row) => sum + row[key], 0);
      return Math.exp(-total('logLikelihood') / total('tokens'));
    };
    for (const objective of ['count', 'letters']) {
      for (const { id, perplexity } of front.points)
        expect(measured(id, objective)).toBeCloseTo(perplexity[objective], 10);
      for (const [name, { perplexity }] of Object.entries<{ perplexity: Record<string, number> }>(front.baselines)) {
        expect(measured(name, objective)).toBeCloseTo(perplexity[objective] as number, 10);
      }
    }
    expect(Object.keys(front.baselines).sort()).toEqual(['alps', 'alps-per-task', 'magnitude', 'sparsegpt', 'wanda']);
    expect(front.baselines.alps.perplexity).toEqual(front.points[2].perplexity); // by construction
    expect(front.hypervolume).toBeGreaterThanOrEqual(0);
    expect(Object.keys(front.gapClosed)).toEqual(['count', 'letters']);
    expect(front.seconds.baselines).toBeGreaterThan(front.seconds.capture);
  });

  test('every written model has exactly k entries a matrix, and all else of the base to the byte (oracles 1, 15)', () => {
    const base = openCheckpoint(model);
    const folders = ['1-0', '0.75-0.25', '0.5-0.5'].map((id) => join(out, 'points', id));
    for (const path of [...folders, join(out, 'baselines', 'sparsegpt'), join(out, 'baselines', 'wanda')]) {
      const pruned = openCheckpoint(path);
      expect([...pruned.tensors.keys()]).toEqual([...base.tensors.keys()]);
      for (const [name, { shape, type }] of base.tensors) {
        expect(pruned.tensors.get(name)).toMatchObject({ shape, type });
        const values = pruned.readFloat32(name);
        if (!name.includes('_proj')) expect(pruned.readBytes(name)).toEqual(base.readBytes(name));
        else if (path.endsWith('wanda')) {
          const columns = shape[1] as number;
          for (let at = 0; at < values.length; at += columns) {
            expect(countKept(support(values.subarray(at, at + columns)))).toBe(Math.round(0.4 * columns));
          }
        } else expect(countKept(support(values))).toBe(Math.round(0.4 * values.length));
      }
      pruned.close();
    }
    base.close();
  });

  test('layers.jsonl has errors by objective, and each objective has less with its own weights', () => {
    const lines = linesOf(join(out, 'layers.jsonl'));
    expect(lines).toHaveLength(14);
    const total = (of: (line: (typeof lines)[number]) => number) => lines.reduce((sum, line) => sum + of(line), 0);
    for (const i of [0, 1]) {
      expect(total(({ own }) => own[i][i])).toBeLessThan(total(({ shared }) => shared[i]));
      expect(total(({ shared }) => shared[i])).toBeLessThan(total(({ baselines }) => baselines.magnitude[i]));
      expect(total(({ shared }) => shared[i])).toBeLessThan(total(({ energy }) => energy[i]));
    }
    for (const { overlap, kept, core } of lines) {
      expect(core).toBe(Math.round(0.5 * kept));
      for (const share of overlap) expect(share).toBeGreaterThanOrEqual(0.5);
    }
  });

  test.each([
    ['count=1', '1-0'],
    ['letters=1,count=0', '0-1'],
    ['count=0.5,letters=0.5', '0.5-0.5'],
    ['letters=0.25,count=0.75', '0.75-0.25'],
  ])('%s is materialised from the bundle to the bytes of the point (oracles 8, 15)', async (weights, id) => {
    const made = join(folder, `made ${id}`);
    const { path } = await json('mosp', 'materialise', join(out, 'bundle.safetensors'), made, '--weights', weights);
    expect(path).toBe(made);
    expect(weightsIn(made).equals(weightsIn(join(out, 'points', id)))).toBe(true);
  });

  test('a run that was stopped or killed anywhere goes on to the same bytes', async () => {
    const again = join(folder, 'again');
    const resumed = [...argv.map((each) => (each === out ? again : each)), ...baselines];
    // the state of the run is looked at between pieces of work: blocks that are finished and models that are read
    const reached = (steps: number) => () => statesIn(`${again}.mosp`) >= steps;
    for (const [i, steps] of [0, 4, 16].entries()) {
      const controller = new AbortController();
      const timer = setInterval(() => {
        if (reached(steps)()) controller.abort(new Error('stopped'));
      }, 1);
      const { code } = await call([...resumed, ...(i > 0 ? ['--resume'] : [])], { signal: controller.signal });
      clearInterval(timer);
      expect(code).toBe(130);
      await killedWhen([...resumed, '--resume'], reached(steps + 3));
      expect(existsSync(again)).toBe(false);
    }
    await json(...resumed, '--resume');
    for (const name of [
      'bundle.safetensors',
      'rows.jsonl',
      'layers.jsonl',
      'report.html',
      'front.svg',
      'points/0.75-0.25/model.safetensors',
    ]) {
      expect(readFileSync(join(again, name)).equals(readFileSync(join(out, name))), name).toBe(true);
    }
    const pareto = (path: string) => readFileSync(join(path, 'pareto.json'), 'utf8');
    expect(pareto(again)).toBe(pareto(out));
  });

  test('its page is written again, and says that zeros alone save nothing', async () => {
    const page = join(folder, 'front.html');
    await json('mosp', 'front', out, page);
    expect(readFileSync(page, 'utf8')).toBe(readFileSync(join(out, 'report.html'), 'utf8'));
    expect(readFileSync(page, 'utf8')).toContain('neither smaller nor faster');
  });

  test('a bundle of another base is refused', async () => {
    const [other, bundle] = [join(folder, 'other'), join(out, 'bundle.safetensors')];
    cpSync(model, other, { recursive: true });
    const bytes = weightsIn(other);
    writeFileSync(join(other, 'model.safetensors'), bytes.fill(1, bytes.length - 4));
    const made = join(folder, 'of another');
    const { code, err } = await call([
      'mosp',
      'materialise',
      bundle,
      made,
      '--weights',
      'count=1',
      '--base',
      other,
      '--quiet',
    ]);
    expect(code).toBe(2);
    expect(err).toContain(`is not the model that ${bundle} was made of`);
    expect(existsSync(made)).toBe(false);
  });

  test.each([
    ['count=0.5', '--weights: weights must sum to 1 (got 0.5)'],
    ['cats=1', "--weights: 'cats' is not an objective (use some of count, letters)"],
    ['count=1,count=0', "--weights: 'count=0' is not a weight (use each objective once, from 0 to 1)"],
    ['count=2,letters=-1', "--weights: 'count=2' is not a weight (use each objective once, from 0 to 1)"],
  ])('the weights %s are refused', async (weights, sentence) => {
    const { code, err } = await call(['mosp', 'materialise', out, join(folder, 'x'), '--weights', weights]);
    expect([code, err.trim()]).toEqual([2, `cria: ${sentence}`]);
  });
});

/** How many pieces of work a run has finished. */
const statesIn = (path: string): number =>
  existsSync(path)
    ? readdirSync(path, { recursive: true }).filter((name) =>
        /(block-\d+\.safetensors|[^.]\.jsonl)$/.test(String(name)),
      ).length
    : -1;

test.each([
  [['--propagate', 'task']],
  [['--propagate', 'dense', '--capture', 'group']],
  [['--guard', '--polish', '--alpha', '0.3']],
])('%j gives a front whose points are sparse and judged by their layers', async (options) => {
  const out = join(folder, `front ${options.join()}`);
  const front = await json(
    'mosp',
    model,
    out,
    ...objectives,
    '--sparsity',
    '2:4',
    '--points',
    '3',
    '--write',
    'all',
    ...options,
    ...windows,
  );
  const [count, both, letters] = front.points;
  expect(both.sparsity).toBeCloseTo(0.5, 10);
  expect(count.layerObjective[0]).toBeLessThan(both.layerObjective[0]);
  expect(letters.layerObjective[1]).toBeLessThan(both.layerObjective[1]);
  expect(count.dominated).toBe(false);
  expect(front.hypervolume).toBeNull();
  const pruned = openCheckpoint(join(out, 'points', '0.5-0.5'));
  const kept = support(pruned.readFloat32('model.layers.1.mlp.down_proj.weight'));
  for (let at = 0; at < kept.length; at += 4) expect(countKept(kept.subarray(at, at + 4))).toBe(2);
  pruned.close();
});

test('polishing makes mixtures better on their layers', async () => {
  const errorsOf = async (name: string, ...more: string[]) => {
    const front = await json(
      'mosp',
      model,
      join(folder, name),
      ...objectives,
      '--sparsity',
      '0.6',
      '--points',
      '5',
      '--write',
      'none',
      ...more,
      ...windows,
    );
    const [count, letters] = front.points[1].layerObjective;
    return 0.75 * count + 0.25 * letters;
  };
  expect(await errorsOf('polished', '--polish')).toBeLessThan(await errorsOf('plain'));
});

test('prune prunes once, keeps zeros that are there, and says what it did', async () => {
  const [once, twice] = [join(folder, 'once'), join(folder, 'twice')];
  const calibration = ['--calibration', data.count];
  const first = await json(
    'prune',
    model,
    once,
    '--method',
    'magnitude',
    '--sparsity',
    '0.5',
    ...calibration,
    ...windows,
  );
  expect(first).toMatchObject({ method: 'magnitude', skipped: [] });
  expect(first.sparsity).toBeCloseTo(0.5, 6);
  const second = await json(
    ...['prune', once, twice, '--method', 'alps', '--sparsity', '0.7', ...calibration, '--test', tests.count],
    ...['--keep', '*.down_proj.weight', '--sparsity-for', '*q_proj*=0.9', ...windows],
  );
  expect(second.perplexityAfter).toBeGreaterThan(0);
  const [before, after] = [openCheckpoint(once), openCheckpoint(twice)];
  for (const [name, { shape }] of after.tensors) {
    if (!name.includes('_proj')) continue;
    const [was, is] = [support(before.readFloat32(name)), support(after.readFloat32(name))];
    const share = name.includes('down_proj') ? 0.5 : name.includes('q_proj') ? 0.1 : 0.3;
    expect(countKept(is)).toBe(Math.round(share * (shape[0] as number) * (shape[1] as number)));
    expect(is.every((kept, i) => kept <= (was[i] as number))).toBe(true);
  }
  before.close();
  after.close();
});

test('matrices whose inputs M does not divide are skipped', async () => {
  const odd = await tinyModel({ ...sizes, intermediate_size: 36 }, join(folder, 'tiny-odd'));
  const { skipped } = await json(
    ...[
      'prune',
      odd,
      join(folder, 'odd'),
      '--method',
      'wanda',
      '--sparsity',
      '4:8',
      '--calibration',
      data.count,
      ...windows,
    ],
  );
  expect(skipped).toEqual([0, 1].map((layer) => `model.layers.${layer}.mlp.down_proj.weight`));
});

const base = ['mosp', model, join(folder, 'refused')];

test.each([
  [[...objectives], '--sparsity is required (for example --sparsity 0.5 or --sparsity 2:4)'],
  [
    [...objectives, '--sparsity', '1'],
    '--sparsity: sparsity must be a share from 0 to below 1, or N:M with N below M (got 1)',
  ],
  [[...objectives, '--sparsity', '-0.1'], '--sparsity: sparsity must be a share'],
  [[...objectives, '--sparsity', '4:2'], '--sparsity: sparsity must be a share'],
  [[...objectives, '--sparsity', 'half'], '--sparsity: sparsity must be a share'],
  [['--sparsity', '0.5'], 'no objective is given (pass --objective NAME=FILE)'],
  [['--objective', 'count', '--sparsity', '0.5'], "--objective: 'count' does not name an objective and its data"],
  [
    ['--objective', `a=${data.count}`, '--objective', `a=${data.letters}`, '--sparsity', '0.5'],
    '--objective: two are called a (use each a name of its own)',
  ],
  [[...objectives, '--sparsity', '0.5', '--test', `count=${tests.count}`], '--test: letters has no test'],
  [[...objectives, '--sparsity', '0.5', '--test', `cats=${tests.count}`], '--test: cats is not an objective'],
  [[...objectives, '--sparsity', '0.5', '--baselines', 'best'], "--baselines: 'best' is not a baseline"],
  [[...objectives, '--sparsity', '0.5', '--write', '7-8'], '--write: no point or baseline is called 7-8'],
  [[...objectives, '--sparsity', '0.5', '--keep', '*'], 'no matrix is left to prune'],
  [[...objectives, '--sparsity', '0.5', '--keep', '*.lm_head'], 'no matrix is called *.lm_head (use a name or a glob'],
  [[...objectives, '--sparsity', '0.5', '--sparsity-for', 'mlp=0.2'], 'no matrix is called mlp'],
  [[...objectives, '--sparsity', '0.5', '--sparsity-for', '*=3'], '--sparsity-for: sparsity must be a share'],
  [[...objectives, '--sparsity', '0.5', '--points', '1'], '--points: a front over 2 objectives cannot have 1 points'],
])('%j is refused', async (argv, sentence) => {
  expect(await refused(...base, ...argv)).toContain(sentence);
  expect(existsSync(join(folder, 'refused'))).toBe(false);
  expect(existsSync(join(folder, 'refused.mosp'))).toBe(false);
});

test('an objective with too few tokens is refused', async () => {
  const short = join(folder, 'short.txt');
  writeFileSync(short, 'one two');
  const sentence = await refused(...base, '--objective', `a=${short}`, '--sparsity', '0.5');
  expect(sentence).toMatch(
    /short\.txt: has \d+ tokens, fewer than one window of 32 \(use more data, or a smaller --sequence\)/,
  );
});

test('--dry-run prints what a run would take', async () => {
  const estimate = await json(...base, ...objectives, '--sparsity', '0.5', '--dry-run', ...windows);
  expect(estimate).toMatchObject({ matrices: 14, calibrationTokens: 2 * 6 * 32, models: 0, points: 11 });
  expect(estimate.seconds).toBeGreaterThan(0);
  const single = ['prune', model, join(folder, 'refused'), '--method', 'alps', '--calibration', data.count];
  const other = await json(...single, '--test', tests.count, '--sparsity', '2:4', '--dry-run', ...windows);
  expect(other).toMatchObject({ matrices: 14, calibrationTokens: 6 * 32, models: 2, skipped: [] });
  expect(other.seconds).toBeGreaterThan(0);
  expect(existsSync(join(folder, 'refused'))).toBe(false);
});
