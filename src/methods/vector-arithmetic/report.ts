import type { HeatMap, HeatMaps, LineChart, Page, Part, Scatter, Table } from '../../report/index.ts';
import { nameOf, type ScoredHead, topHeads } from './heads.ts';
import { type Picture, type SettingName, settingNames, type TaskResult } from './judge.ts';
import type { LensResult } from './result.ts';
import { scoreKinds } from './scores.ts';

/** What each setting is called for a person. */
const titles: Readonly<Record<SettingName, string>> = {
  raw: 'raw',
  concept: 'concept lens',
  token: 'token lens',
  all: 'all heads',
  centred: 'centred',
  principal: 'principal components',
};

/** The result as a page: where the heads are, what their lenses are worth, and how words lie before and behind them. */
export function lensPage(result: LensResult, title: string): Page {
  const { accuracy, tasks, lenses, beyondChance } = result;
  const percent = (share: number) => `${Math.round(100 * share)} %`;
  const doubts = scoreKinds.flatMap((kind) => {
    const [clear, taken] = [beyondChance[kind], lenses[kind].heads.length];
    if (clear === undefined || clear >= taken) return [];
    return [
      ` Of the ${taken} heads of the ${kind} lens, ${clear} score clearly beyond chance; more prompts tell heads apart.`,
    ];
  });
  const one = tasks.length === 1 ? tasks[0]?.name : `${tasks.length} tasks`;
  return {
    title,
    summary:
      `On ${one}, ${percent(accuracy.concept)} of the analogies come out through the concept lens of ` +
      `${lenses.concept.heads.length} heads and ${percent(accuracy.token)} through the token lens, against ` +
      `${percent(accuracy.raw)} on raw states and ${percent(accuracy.random)} through as many random heads. ` +
      `The model itself, shown five examples, completes ${percent(accuracy.inContext)}.${doubts.join('')}`,
    sections: [
      { title: 'Heads', parts: headParts(result) },
      {
        title: 'Analogies',
        parts: [
          accuracyTable(tasks),
          readOutTable(tasks),
          ...tasks.flatMap((task) => [byLayer(task), ...bySize(task)]),
        ],
      },
      { title: 'Words before and behind the lens', parts: tasks.slice(0, 2).flatMap(pictures) },
      { title: 'Without these heads', parts: [ablationTable(result)] },
    ],
  };
}

/** Concept and token scores of every head, side by side. */
export function headMaps({ scores }: Pick<LensResult, 'scores'>): HeatMaps {
  const best = scoreKinds.map((kind) => {
    const names = topHeads(scores[kind].heads, 1).map(nameOf);
    return `the ${kind} score is highest at ${names}`;
  });
  return {
    kind: 'heat',
    title: 'What each head does alone',
    alt: `Two maps of layers and heads: ${best.join(', ')}.`,
    value: 'score, as a share of the largest',
    scale: 'diverging',
    rows: 'layer',
    columns: 'head',
    maps: scoreKinds.map((kind) => mapOf(`${kind} heads`, scores[kind].heads)),
  };
}

function headParts({ scores, attention, lenses }: LensResult): Part[] {
  const lookers = { concept: 'attention to the end of names', token: 'attention to the next token' };
  return [
    headMaps({ scores }),
    ...(attention
      ? [
          {
            kind: 'heat' as const,
            title: 'What each head looks at',
            alt: 'A map of layers and heads for attention to the end of names and to the next token',
            value: 'attention, as a share of the largest',
            scale: 'sequential' as const,
            rows: 'layer',
            columns: 'head',
            maps: scoreKinds.map((kind) => mapOf(lookers[kind], attention[kind])),
          },
        ]
      : []),
    {
      kind: 'table',
      title: 'The first heads of both lenses',
      columns: ['', ...scoreKinds.flatMap((kind) => [`${kind} head`, 'score'])].map((label) => ({ label })),
      rows: lenses.concept.heads.slice(0, firstHeads).map((_, i) => [
        String(i + 1),
        ...scoreKinds.flatMap((kind) => {
          const head = lenses[kind].heads[i] as ScoredHead;
          return [nameOf(head), scoreCell(head)];
        }),
      ]),
    },
  ];
}

const firstHeads = 12;

function mapOf(title: string, heads: readonly ScoredHead[]): HeatMap {
  const count = (of: (head: ScoredHead) => number) => 1 + heads.reduce((most, head) => Math.max(most, of(head)), 0);
  const numbers = (n: number) => Array.from({ length: n }, (_, i) => String(i));
  const [rows, columns] = [numbers(count(({ layer }) => layer)), numbers(count(({ head }) => head))];
  const largest = heads.reduce((most, { score }) => Math.max(most, Math.abs(score)), 0) || 1;
  const values = rows.map(() => Array<number>(columns.length).fill(Number.NaN));
  for (const { layer, head, score } of heads) (values[layer] as number[])[head] = score / largest;
  return { title, rows, columns, values };
}

function scoreCell({ score, standardError }: ScoredHead) {
  if (standardError === undefined) return score;
  const half = 1.96 * standardError;
  return { value: score, low: score - half, high: score + half };
}

function accuracyTable(tasks: readonly TaskResult[]): Table {
  return {
    kind: 'table',
    title: 'Accuracy on pairs that have not chosen the layer, the given words being candidates too',
    columns: [
      'task',
      ...settingNames.map((name) => titles[name]),
      ...['random heads', 'heads of the same layers', '5 examples', 'chance'],
    ].map((label) => ({ label })),
    rows: tasks.map(({ name, settings, random, layerMatched, inContext, chance }) => [
      name,
      ...settingNames.map((setting) => settings[setting].best.judge.accuracy),
      random.mean,
      layerMatched.mean,
      inContext,
      chance,
    ]),
  };
}

const readSettings = ['raw', 'concept', 'token', 'all'] as const;

function readOutTable(tasks: readonly TaskResult[]): Table {
  return {
    kind: 'table',
    title: "Share of the same pairs from whose sum the model's head reads the word asked for",
    columns: [{ label: 'task' }, ...readSettings.map((name) => ({ label: titles[name] }))],
    rows: tasks.map(({ name, readOut }) => [name, ...readSettings.map((setting) => readOut[setting])]),
  };
}

function byLayer({ name, settings }: TaskResult): LineChart {
  return {
    kind: 'lines',
    title: `${name}: accuracy on all lines, by layer`,
    alt: `Lines of accuracy over layers for ${settingNames.map((setting) => titles[setting]).join(', ')}`,
    x: { label: 'layer' },
    y: { label: 'accuracy' },
    series: settingNames.map((setting) => ({
      name: titles[setting],
      points: settings[setting].layers.map(({ layer, whole }) => ({ x: layer, y: whole.accuracy })),
    })),
  };
}

/** Charts of what lenses of other ranks and numbers of heads are worth, where they were asked for. */
function bySize({ name, sweeps: { layer, ranks, tops } }: TaskResult): LineChart[] {
  const lenses = [titles.concept, titles.token];
  const chart = (of: string, sizes: TaskResult['sweeps']['ranks']): LineChart => ({
    kind: 'lines',
    title: `${name}: accuracy on pairs that have not chosen the layer, by ${of}, layer ${layer}`,
    alt: `Lines of accuracy over the ${of} for ${lenses.join(' and ')}`,
    x: { label: of, log: true },
    y: { label: 'accuracy' },
    series: scoreKinds.map((kind) => ({
      name: titles[kind],
      points: sizes.map((each) => ({ x: each.size, y: each[kind].judge.accuracy })),
    })),
  });
  return [
    ...(ranks.length > 0 ? [chart('rank of the lens', ranks)] : []),
    ...(tops.length > 0 ? [chart('number of heads', tops)] : []),
  ];
}

function pictures({ name, picture }: TaskResult): Scatter[] {
  return (['raw', 'concept'] as const).map((view) => ({
    kind: 'scatter',
    title: `${name}, layer ${picture.layer}: ${titles[view]}`,
    alt: `Words in the two directions in which they differ most, ${titles[view]}`,
    x: 'first component',
    y: 'second component',
    points: pointsOf(picture, view),
  }));
}

function pointsOf(picture: Picture, view: 'raw' | 'concept') {
  return picture.pairs.flat().map((label, i) => {
    const [x, y] = picture[view][i] as readonly [number, number];
    return { label, x, y, group: i % 2 === 0 ? 'asked for' : 'given' };
  });
}

function ablationTable({ ablation }: LensResult): Table {
  return {
    kind: 'table',
    title: 'Probability of the right token when heads write their mean',
    columns: [{ label: 'heads' }, { label: 'copying a list' }, { label: 'pairs after five examples' }],
    rows: (['none', 'concept', 'token', 'random'] as const).map((heads) => [
      heads,
      ablation[heads].copying,
      ablation[heads].mapping,
    ]),
  };
}
