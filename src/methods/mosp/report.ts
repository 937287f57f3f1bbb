import { figure, groupBy } from '../../base/index.ts';
import type { LabelledPoint, LineChart, Page, Part, Scatter, Section, Table } from '../../report/index.ts';
import type { MatrixReport } from './blocks.ts';
import type { LayerLine, Pareto } from './result.ts';

/** What a person looks at: the front beside the baselines, where errors and supports lie, and what the files are good for. */
export function frontPage(pareto: Pareto, lines: readonly LayerLine[]): Page {
  const { base, objectives, points, sparsity, skipped } = pareto;
  const names = objectives.map(({ name }) => name);
  return {
    title: `${base.id} pruned to ${sparsity.target} for ${names.join(', ')}`,
    summary: summaryOf(pareto),
    sections: [
      { title: 'The front', parts: [...fronts(pareto), pointTable(pareto)] },
      { title: 'Errors by layer', parts: names.map((_, i) => objectiveErrors(pareto, lines, i)) },
      { title: 'Supports by layer', parts: names.length > 1 ? [overlapByLayer(pareto, lines)] : [] },
      { title: 'Size and speed', parts: [{ kind: 'prose', text: sizeNote(sparsity.kind) }] },
      howMeasured(pareto),
      {
        title: 'Matrices that stay dense',
        parts: skipped.length > 0 ? [{ kind: 'prose', text: skipped.join(', ') }] : [],
      },
    ].filter((section): section is Section => section.parts.length > 0 && points.length > 0),
  };
}

function summaryOf({ points, hypervolumeLog, gapClosed, sparsity }: Pareto): string {
  const kept = points.filter(({ dominated }) => !dominated).length;
  const closed = Object.entries(gapClosed).map(
    ([name, { value, low, high }]) => `${name} ${figure(value)} (${figure(low)} to ${figure(high)})`,
  );
  return [
    `${points.length} models of sparsity ${sparsity.target}, of which ${kept} are not dominated.`,
    hypervolumeLog &&
      `Hypervolume of log-perplexities ${figure(hypervolumeLog.value)} (${figure(hypervolumeLog.low)} to ${figure(hypervolumeLog.high)}).`,
    closed.length > 0 &&
      `Share of the gap between ALPS on all data and ALPS on one objective that this objective's point closes: ${closed.join(', ')}.`,
  ]
    .filter(Boolean)
    .join(' ');
}

/** A picture for every pair of objectives: perplexities, or errors of layers where no test text was given. */
export function fronts({ objectives, points, baselines, basePerplexity }: Pareto): Scatter[] {
  const names = objectives.map(({ name }) => name);
  const isTested = points.every(({ metrics }) => Object.keys(metrics).length > 0);
  return names.flatMap((x, i) =>
    names.slice(i + 1).map((y, offset): Scatter => {
      const j = i + 1 + offset;
      const at = (label: string, group: string, own: number | undefined, other: number | undefined): LabelledPoint[] =>
        own === undefined || other === undefined ? [] : [{ label, x: own, y: other, group }];
      const shown = isTested
        ? [
            ...points.flatMap(({ id, metrics }) => at(id, 'MOSP', metrics[x], metrics[y])),
            // magnitude pruning is so far off that nothing else could be told apart
            ...Object.entries(baselines).flatMap(([name, { perplexity }]) =>
              name === 'magnitude' ? [] : at(name, 'baseline', perplexity[x], perplexity[y]),
            ),
            ...at('unpruned', 'unpruned', basePerplexity[x], basePerplexity[y]),
          ]
        : points.flatMap(({ id, layerObjective }) => at(id, 'MOSP', layerObjective?.[i], layerObjective?.[j]));
      const what = isTested ? 'perplexity' : 'error of layers';
      return {
        kind: 'scatter',
        title: `${what} on ${x} and ${y}`,
        alt: `${points.length} points of the front and ${shown.length - points.length} other models, by ${what} on ${x} and on ${y}.`,
        x: `${x} ${what}`,
        y: `${y} ${what}`,
        points: shown,
      };
    }),
  );
}

function pointTable({ objectives, points, baselines, basePerplexity }: Pareto): Table {
  const names = objectives.map(({ name }) => name);
  const cells = (perplexity: Readonly<Record<string, number>>) => names.map((name) => perplexity[name] ?? null);
  return {
    kind: 'table',
    title: 'Perplexities of test text',
    columns: [
      { label: 'model' },
      ...names.map((label) => ({ label, better: 'lower' as const })),
      { label: 'dominated' },
      { label: 'written to' },
    ],
    rows: [
      ['unpruned', ...cells(basePerplexity), null, null],
      ...points.map(({ id, metrics, dominated, path }) => [id, ...cells(metrics), dominated ? 'yes' : 'no', path]),
      ...Object.entries(baselines).map(([name, { perplexity, path }]) => [
        name,
        ...cells(perplexity),
        null,
        path ?? null,
      ]),
    ],
  };
}

const layerOf = /^model\.layers\.(\d+)\./;

/** The lines of each block. */
function byLayer<Line extends MatrixReport>(lines: readonly Line[]): Map<number, Line[]> {
  return groupBy(lines, ({ matrix }) => Number(layerOf.exec(matrix)?.[1]));
}

type ErrorsOf<Line> = (line: Line) => readonly number[] | undefined;

/** The errors of an objective's outputs by block, for each of some sets of weights. */
export function errorsByLayer<Line extends MatrixReport>(
  lines: readonly Line[],
  title: string,
  objective: number,
  sets: readonly (readonly [name: string, errorsOf: ErrorsOf<Line>])[],
): LineChart {
  const total = (own: readonly Line[], errorsOf: ErrorsOf<Line>) =>
    own.reduce((sum, line) => sum + (errorsOf(line)?.[objective] ?? Number.NaN), 0);
  return {
    kind: 'lines',
    title,
    alt: `Errors by block of ${sets.map(([name]) => name).join(', ')}.`,
    x: { label: 'block' },
    y: { label: 'relative squared error' },
    series: sets.map(([name, errorsOf]) => ({
      name,
      points: [...byLayer(lines)].map(([x, own]) => ({
        x,
        y: total(own, errorsOf) / total(own, ({ energy }) => energy),
      })),
    })),
  };
}

function objectiveErrors({ objectives }: Pareto, lines: readonly LayerLine[], objective: number): LineChart {
  const title = `Error of the outputs of layers on ${objectives[objective]?.name}, as a share of the outputs`;
  return errorsByLayer(lines, title, objective, [
    ['shared', ({ shared }) => shared],
    ...objectives.map(({ name }, i) => [name, ({ own }: LayerLine) => own[i]] as const),
    ...(lines[0] && 'sparsegpt' in lines[0].baselines
      ? [['SparseGPT', ({ baselines }: LayerLine) => baselines.sparsegpt] as const]
      : []),
  ]);
}

function overlapByLayer({ objectives, sparsity }: Pareto, lines: readonly LayerLine[]): LineChart {
  return {
    kind: 'lines',
    title: "Share of the shared weights' support that each objective's own weights keep",
    alt: `Overlap of supports by block, at least ${sparsity.alpha}, the core.`,
    x: { label: 'block' },
    y: { label: 'overlap' },
    series: objectives.map(({ name }, i) => ({
      name,
      points: [...byLayer(lines)].map(([x, own]) => {
        return { x, y: own.reduce((sum, { overlap }) => sum + (overlap[i] as number), 0) / own.length };
      }),
    })),
  };
}

/** What a file of zeros is good for. */
export function sizeNote(kind: 'unstructured' | 'n:m'): string {
  const runtime =
    kind === 'n:m'
      ? 'cuSPARSELt and PyTorch (torch.sparse.to_sparse_semi_structured) run 2:4 matrices on NVIDIA GPUs from Ampere on'
      : 'DeepSparse-like sparse kernels or a sparse file format would be needed';
  return (
    'The models are ordinary dense files with exact zeros: neither smaller nor faster by themselves. Compressed with zstd or ' +
    `gzip they take less room on disk. To run faster: ${runtime}. cria's own kernels do not use zeros.`
  );
}

function howMeasured({ objectives, solver, preference, sparsity }: Pareto): Section {
  const rows = [
    ...objectives.map(({ name, data, windows, sequence, test, testWindows }) => [
      name,
      `${windows} windows of ${sequence} tokens of ${data}; test: ${test === null ? 'none' : `${testWindows} of ${test}`}`,
    ]),
    ['core', `${sparsity.alpha} of every support`],
    ['preference exponent', preference.p],
    ['inputs of a block', `${solver.capture} capture, propagated through ${solver.propagate} weights`],
  ];
  const text =
    'Magnitude, ALPS and MOSP compare weights over a whole matrix, Wanda within an output, SparseGPT within 128 inputs. Errors of ' +
    'baselines in layers.jsonl are on the inputs that their own pruned blocks make. Intervals are BCa over test windows, ' +
    'resampled together for all models.';
  return {
    title: 'How it was made',
    parts: [
      { kind: 'table', title: '', columns: [{ label: '' }, { label: '' }], rows },
      { kind: 'prose', text },
    ] as Part[],
  };
}
