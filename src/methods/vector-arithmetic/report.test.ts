import { parseHTML } from 'linkedom';
import { expect, test } from 'vitest';
import { figure } from '../../base/index.ts';
import { page } from '../../report/index.ts';
import type { AtLayer, SettingResult } from './geometry.ts';
import { allHeads } from './heads.ts';
import { type SettingName, settingNames, type TaskResult } from './judge.ts';
import { headMaps, lensPage } from './report.ts';
import { type LensResult, meanAccuracy } from './result.ts';

const heads = allHeads({ layers: 3, heads: 2 });
const outcome = (accuracy: number) => ({ accuracy, mrr: accuracy, n: 12 });
/** Accuracies that are all different: of all lines, and of those that judge. */
const at = (layer: number, accuracy: number): AtLayer => ({
  layer,
  choose: outcome(accuracy / 3),
  judge: outcome(accuracy),
  judgeExcluding: outcome(accuracy / 5),
  whole: outcome(accuracy / 7),
  wholeExcluding: outcome(accuracy / 11),
});
const accuracies = [0.111, 0.222, 0.333, 0.444, 0.555, 0.666];

function task(name: string, times: number): TaskResult {
  const settings = Object.fromEntries(
    settingNames.map((setting, i): [string, SettingResult] => {
      const layers = [0, 1, 2].map((layer) => at(layer, times * (accuracies[i] as number) * (1 - layer / 10)));
      return [setting, { layers, best: layers[0] as AtLayer }];
    }),
  ) as Record<SettingName, SettingResult>;
  const sized = (size: number) => ({ size, concept: at(1, times * 0.013 * size), token: at(1, times * 0.017 * size) });
  return {
    name,
    prefix: '',
    lines: 24,
    candidates: ['Lima', 'Perú', 'Quito', 'Ecuador'],
    chance: 0.25,
    settings,
    random: { mean: times * 0.123, deviation: 0, accuracies: [] },
    layerMatched: { mean: times * 0.234, deviation: 0, accuracies: [] },
    readOut: { raw: 0.0101, concept: 0.0202, token: 0.0303, all: 0.0404 },
    inContext: times * 0.777,
    inContextPairs: 12,
    sweeps: { layer: 1, ranks: [8, 32].map(sized), tops: [2, 4, 5].map(sized) },
    picture: {
      layer: 1,
      pairs: [
        ['Lima', 'Perú'],
        ['Quito', 'Ecuador'],
      ],
      raw: [[0, 1], [2, 3], [4, 5], [6, 7]], // biome-ignore format: points
      concept: [[10, 11], [12, 13], [14, 15], [16, 17]], // biome-ignore format: points
    },
  };
}

function resultOf(tasks: readonly TaskResult[]): LensResult {
  const scored = (from: number) => heads.map((head, i) => ({ ...head, score: from * (i - 2), standardError: 0.001 }));
  const scores = { concept: { heads: scored(0.01) }, token: { heads: scored(-0.02) } };
  const lens = (kind: 'concept' | 'token', order: readonly number[]) => ({
    heads: order.map((i) => scores[kind].heads[i] as (typeof scores)['concept']['heads'][number]),
    matrix: { rows: 1, columns: 1, data: new Float32Array(1) },
  });
  const left = (copying: number) => ({ copying, mapping: copying / 2 });
  return {
    scores,
    beyondChance: { concept: 1, token: 2 },
    lenses: { concept: lens('concept', [5, 4]), token: lens('token', [0, 1]) },
    foldNorm: false,
    top: 2,
    tasks,
    accuracy: meanAccuracy(tasks),
    ablation: { none: left(0.91), concept: left(0.82), token: left(0.13), random: left(0.88) },
  };
}

const result = resultOf([task('capitals', 1), task('verbs', 0.5)]);

async function read(found: LensResult) {
  const { document } = parseHTML(await page(lensPage(found, 'Heads of a model')));
  const all = (selector: string) => [...document.querySelectorAll(selector)];
  const rows = (title: string) =>
    all('table')
      .filter((table) => table.querySelector('caption')?.textContent === title)
      .flatMap((table) => [...table.querySelectorAll('tbody tr')])
      .map((row) => [...row.children].map((cell) => cell.textContent ?? ''));
  const chart = (title: string) =>
    all('figure').find((each) => each.querySelector('figcaption')?.textContent?.startsWith(title));
  return { document, all, rows, chart };
}

test('the summary tells the means of the tasks', async () => {
  const { document } = await read(result);
  const mean = (accuracy: number) => `${Math.round(100 * 0.75 * accuracy)} %`;
  const summary = document.querySelector('.summary')?.textContent;
  expect(summary).toContain(`On 2 tasks, ${mean(0.222)} of the analogies come out through the concept lens of 2 heads`);
  expect(summary).toContain(`${mean(0.333)} through the token lens, against ${mean(0.111)} on raw states`);
  expect(summary).toContain(`${mean(0.123)} through as many random heads`);
  expect(summary).toContain(`shown five examples, completes ${mean(0.777)}.`);
  expect(summary).toContain('Of the 2 heads of the concept lens, 1 score clearly beyond chance');
  expect(summary).not.toContain('heads of the token lens,'); // both do
});

test('each accuracy of the table is that of the lines that judge, at the chosen layer', async () => {
  const { rows } = await read(result);
  expect(rows('Accuracy on pairs that have not chosen the layer, the given words being candidates too')).toEqual(
    result.tasks.map(({ name, settings, random, layerMatched, inContext, chance }) => [
      name,
      ...settingNames.map((setting: SettingName) => figure(settings[setting].best.judge.accuracy)),
      ...[random.mean, layerMatched.mean, inContext, chance].map(figure),
    ]),
  );
  const readOut = rows("Share of the same pairs from whose sum the model's head reads the word asked for");
  expect(readOut[0]).toEqual(['capitals', '0.0101', '0.0202', '0.0303', '0.0404']);
});

test('a line for each setting goes through its accuracy at every layer', async () => {
  const { chart } = await read(result);
  const told = [...(chart('verbs: accuracy on all lines, by layer')?.querySelectorAll('title') ?? [])];
  const expected = settingNames.flatMap((setting) =>
    (result.tasks[1] as TaskResult).settings[setting].layers.map(
      ({ layer, whole }) => `layer ${layer}\naccuracy ${figure(whole.accuracy)}`,
    ),
  );
  expect(told.map(({ textContent }) => textContent?.replace(/^.*\n/, ''))).toEqual(expected);
});

test('a chart for ranks and one for numbers of heads has a line for each lens', async () => {
  const { chart } = await read(result);
  for (const [title, label, sizes] of [
    [
      'capitals: accuracy on pairs that have not chosen the layer, by rank of the lens, layer 1',
      'rank of the lens',
      'ranks',
    ],
    [
      'capitals: accuracy on pairs that have not chosen the layer, by number of heads, layer 1',
      'number of heads',
      'tops',
    ],
  ] as const) {
    const told = [...(chart(title)?.querySelectorAll('title') ?? [])].map(({ textContent }) => textContent);
    const points = (result.tasks[0] as TaskResult).sweeps[sizes];
    expect(told).toEqual(
      (['concept', 'token'] as const).flatMap((kind) =>
        points.map((each) => `${kind} lens\n${label} ${each.size}\naccuracy ${figure(each[kind].judge.accuracy)}`),
      ),
    );
  }
});

test('without sweeps there are no charts of them', async () => {
  const { all } = await read(resultOf([{ ...task('capitals', 1), sweeps: { layer: 1, ranks: [], tops: [] } }]));
  const captions = all('figcaption').map(({ textContent }) => textContent ?? '');
  expect(captions.some((caption) => caption.includes('by layer'))).toBe(true);
  expect(captions.filter((caption) => /rank|number of heads/.test(caption))).toEqual([]);
});

test('each head has a cell in both maps, with its share of the largest score', async () => {
  const { maps, alt } = headMaps(result);
  expect(maps.map(({ title }) => title)).toEqual(['concept heads', 'token heads']);
  expect(maps[0]?.values).toEqual([[-2 / 3, -1 / 3], [0, 1 / 3], [2 / 3, 1]].map((row) => row.map(expectClose))); // biome-ignore format: a matrix
  expect(maps[1]?.values[0]?.[0]).toBeCloseTo(2 / 3);
  expect(alt).toContain('the concept score is highest at 2.1, the token score is highest at 0.0');
  const { rows, chart } = await read(result);
  expect(chart('What each head does alone')?.querySelectorAll('svg')).toHaveLength(2);
  expect(rows('The first heads of both lenses')).toEqual([
    ['1', '2.1', '0.03 0.028 to 0.032', '0.0', '0.04 0.038 to 0.042'],
    ['2', '2.0', '0.02 0.018 to 0.022', '0.1', '0.02 0.018 to 0.022'],
  ]);
});

const expectClose = (value: number) => expect.closeTo(value, 6);

test('words stand where they are, before the lens and behind it', async () => {
  const { chart } = await read(result);
  for (const [title, view] of [
    ['capitals, layer 1: raw', 'raw'],
    ['capitals, layer 1: concept lens', 'concept'],
  ] as const) {
    const told = [...(chart(title)?.querySelectorAll('title') ?? [])].map(({ textContent }) => textContent);
    const { pairs, [view]: places } = (result.tasks[0] as TaskResult).picture;
    expect(told).toEqual(pairs.flat().map((word, i) => `${word}\n${places[i]?.join(', ')}`));
  }
});

test('what is left without the heads stands in a table', async () => {
  const { rows } = await read(result);
  expect(rows('Probability of the right token when heads write their mean')).toEqual([
    ['none', '0.91', '0.455'],
    ['concept', '0.82', '0.41'],
    ['token', '0.13', '0.065'],
    ['random', '0.88', '0.44'],
  ]);
});
