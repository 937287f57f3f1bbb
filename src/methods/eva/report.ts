import { type LinearName, linearNames } from '../../model/index.ts';
import type { HeatMaps, LineChart, Page, Section } from '../../report/index.ts';
import { explainedRatios, type Pca } from './incremental-pca.ts';
import { parameterCount } from './parameters.ts';
import type { EvaResult } from './run.ts';

/** What a person looks at: where the ranks went, how directions explain the inputs, and what was read. */
export function evaPage(result: EvaResult, rank: number): Page {
  const { ranks, state, unconverged } = result;
  const { parameters, uniform } = parameterCount(result, rank);
  const given = [...ranks.values()];
  const modules = `${given.filter((each) => each > 0).length} of ${given.length} modules`;
  const spread = `ranks from ${Math.min(...given)} to ${Math.max(...given)}, ${rank} in the mean`;
  const share = `${((100 * parameters) / uniform).toFixed(1)}% of the parameters of equal ranks`;
  return {
    title: 'An adapter that starts along the data',
    summary: `${modules} have ${spread}: ${share}, after ${state.batches} batches.`,
    sections: [
      { title: 'Where the ranks went', parts: [rankMap(ranks)] },
      { title: 'What the directions of an input explain', parts: curves(result) },
      reading(result, parameters, uniform, unconverged),
    ],
  };
}

const moduleName = /^model\.layers\.(\d+)\.(.+)$/;

/** The rank of every module as a figure: layers by linear maps. */
export function rankMap(ranks: ReadonlyMap<string, number>): HeatMaps {
  const cells = [...ranks].map(([name, rank]) => {
    const [, layer = '', linear = ''] = moduleName.exec(name) ?? [];
    return { layer: Number(layer), linear: linear as LinearName, rank };
  });
  const layers = [...new Set(cells.map(({ layer }) => layer))];
  const columns = linearNames.filter((linear) => cells.some((cell) => cell.linear === linear));
  const at = new Map(cells.map(({ layer, linear, rank }) => [`${layer} ${linear}`, rank]));
  const values = layers.map((layer) => columns.map((linear) => at.get(`${layer} ${linear}`) ?? Number.NaN));
  const byRank = [...ranks].sort(([, a], [, b]) => b - a);
  const told = ([name, rank]: readonly [string, number] = ['', 0]) => `${rank} at ${name}`;
  return {
    kind: 'heat',
    title: 'Rank of every module',
    alt: `Ranks by layer and linear map, from ${told(byRank.at(-1))} to ${told(byRank[0])}.`,
    value: 'rank',
    scale: 'sequential',
    rows: 'layer',
    columns: 'linear map',
    maps: [
      { title: '', rows: layers.map(String), columns: columns.map((linear) => linear.split('.')[1] ?? ''), values },
    ],
  };
}

const layersShown = 5;

/** A chart for each kind of input: the share that the first components explain together, in some of the layers. */
function curves({ groups, state }: EvaResult): LineChart[] {
  return [...new Set(groups.map((group) => group.path))].map((path) => {
    const own = groups.flatMap((group, i) =>
      group.path === path ? [{ layer: group.layer, pca: state.groups[i] }] : [],
    );
    const shown = evenly(own, layersShown);
    return {
      kind: 'lines',
      title: path,
      alt: `Share of the variance of ${path} that its first components explain together, in ${shown.length} layers.`,
      x: { label: 'components' },
      y: { label: 'explained variance' },
      series: shown.map(({ layer, pca }) => ({ name: `layer ${layer}`, points: summed(pca) })),
    };
  });
}

/** A few of the items, from the first to the last. */
function evenly<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, i) => items[Math.round((i * (items.length - 1)) / (count - 1))] as T);
}

function summed(pca: Pca | undefined): { x: number; y: number }[] {
  let y = 0;
  return Array.from(pca ? explainedRatios(pca) : [], (ratio, i) => {
    y += ratio;
    return { x: i + 1, y };
  });
}

function reading(
  { groups, state }: EvaResult,
  parameters: number,
  uniform: number,
  unconverged: readonly string[],
): Section {
  const tokens = state.groups.map((pca) => pca?.seen ?? 0);
  const converged = state.groups.map((pca) => pca?.converged.filter(Boolean).length ?? 0);
  const components = state.groups[0]?.components.rows ?? 0;
  const mean = (values: readonly number[]) => Math.round(values.reduce((a, b) => a + b, 0) / values.length);
  return {
    title: 'What was read',
    parts: [
      {
        kind: 'table',
        title: '',
        columns: [{ label: '' }, { label: '' }],
        rows: [
          ['batches', state.batches],
          ['inputs that were decomposed', groups.length],
          ['tokens seen of an input, at least', Math.min(...tokens)],
          ['tokens seen of an input, at most', Math.max(...tokens)],
          [`converged components of an input, of ${components}, in the mean`, mean(converged)],
          ['modules that had not converged', unconverged.length],
          ['parameters of the adapter', parameters],
          ['parameters with equal ranks', uniform],
        ],
      },
      ...(unconverged.length > 0
        ? [{ kind: 'prose' as const, text: `Not converged when the batches ended: ${unconverged.join(', ')}.` }]
        : []),
    ],
  };
}
