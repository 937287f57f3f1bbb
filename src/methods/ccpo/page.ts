import { figure } from '../../base/index.ts';
import type { LineChart, Page, Part, Scatter, Table } from '../../report/index.ts';
import type { Evaluation } from './evaluate.ts';
import type { Explanation } from './explain.ts';
import type { TrainingStep } from './training.ts';

const percent = (value: number): string => `${(100 * value).toFixed(1)}%`;

/** What an evaluation found: cost against coverage, the table of baselines, what goes where and why. */
export function evaluationPage(evaluation: Evaluation, explanation: Explanation): Page {
  const { alpha, cost, coverage, solvableRate, coverageGivenSolvable, guarantee, n } = evaluation;
  const deep = evaluation.baselines['always-deep']?.cost ?? cost;
  return {
    title: 'Routing with a coverage target',
    summary:
      `Of ${n} test questions ${percent(coverage.value)} are covered (95% interval ${percent(coverage.low)} to ` +
      `${percent(coverage.high)}, target ${percent(1 - alpha)}, guarantee: ${guarantee}) for ${figure(cost)} a question; ` +
      `running every round costs ${figure(deep)}. ${percent(solvableRate)} of the questions are solvable, and of those ` +
      `${percent(coverageGivenSolvable)} are covered: an unsolvable question counts as covered.`,
    sections: [
      { title: 'Cost against coverage', parts: [costChart(evaluation), baselineTable(evaluation)] },
      { title: 'What goes where', parts: [depthTable(explanation), worthTable(explanation)] },
      ...(evaluation.splits.length > 0 ? [{ title: 'Redrawn splits', parts: splitParts(evaluation) }] : []),
    ],
  };
}

/** The curves of everything that has a threshold: lower is cheaper, to the right covers more. */
function costChart({ curve, baselines, alpha, cost, coverage }: Evaluation): LineChart {
  const curves = Object.entries(baselines).filter(([, baseline]) => baseline.curve.length > 1);
  const seriesOf = (name: string, points: Evaluation['curve']) => ({
    name,
    points: points.map((point) => ({ x: point.coverage, y: point.cost })),
  });
  const costs = [...curve, ...curves.flatMap(([, baseline]) => baseline.curve)].map((point) => point.cost);
  return {
    kind: 'lines',
    title: 'Mean cost a question at every coverage',
    alt: `The policy covers ${percent(coverage.value)} for ${figure(cost)}; the curves of ${curves.map(([name]) => name).join(', ')} beside it.`,
    x: { label: 'coverage' },
    y: { label: 'cost a question' },
    series: [
      seriesOf('ccpo', curve),
      ...curves.map(([name, baseline]) => seriesOf(name, baseline.curve)),
      {
        name: 'target',
        points: [
          { x: 1 - alpha, y: Math.min(...costs) },
          { x: 1 - alpha, y: Math.max(...costs) },
        ],
      },
    ],
  };
}

function baselineTable(evaluation: Evaluation): Table {
  const { cost, coverage, rounds, setSize, emptyRate, baselines } = evaluation;
  return {
    kind: 'table',
    title: 'Compare at equal coverage: the last column is the cost where a baseline covers as much as the policy',
    columns: [
      ...['', 'cost', 'coverage', 'rounds', 'set size', 'without answer'].map((label) => ({ label })),
      ...['cost at equal coverage', 'ccpo minus that'].map((label) => ({ label, better: 'lower' as const })),
    ],
    rows: [
      ['ccpo', cost, coverage, rounds, setSize, emptyRate, cost, null],
      ...Object.entries(baselines).map(([name, each]) => [
        `${name}: ${each.summary}`,
        ...[each.cost, each.coverage, each.rounds, each.setSize, each.emptyRate],
        ...[each.costAtEqualCoverage, each.policyMinus],
      ]),
    ],
  };
}

function depthTable({ depths }: Explanation): Table {
  const strongest = (features: Readonly<Record<string, number>>) =>
    Object.entries(features)
      .filter(([, value]) => Math.abs(value) >= 0.2)
      .sort(([, a], [, b]) => Math.abs(b) - Math.abs(a))
      .slice(0, 4)
      .map(([name, value]) => `${name} ${value > 0 ? '+' : ''}${value.toFixed(1)}`)
      .join(', ');
  return {
    kind: 'table',
    title: 'Questions by how deep they go; features in standard deviations from the mean',
    columns: ['rounds', 'questions', 'share', 'covered', 'cost', 'seen'].map((label) => ({ label })),
    rows: depths.map(({ rounds, n, share, coverage, cost, features }) => [
      String(rounds),
      n,
      percent(share),
      percent(coverage),
      cost,
      strongest(features),
    ]),
  };
}

function worthTable({ features }: Explanation): Table {
  return {
    kind: 'table',
    title: 'What a feature is worth: the cost at the same coverage when it is shuffled among the questions',
    columns: [{ label: 'feature' }, { label: 'cost without it' }, { label: 'rise' }],
    rows: features.map(({ name, costWithout, rise }) => [
      name,
      costWithout ?? 'coverage not reached',
      rise === null ? null : percent(rise),
    ]),
  };
}

function splitParts({ splits, alpha }: Evaluation): Part[] {
  const mean = splits.reduce((sum, { coverage }) => sum + coverage, 0) / splits.length;
  const chart: Scatter = {
    kind: 'scatter',
    title: 'Coverage and cost of every redrawn split',
    alt: `${splits.length} splits, ${percent(mean)} covered in the mean, target ${percent(1 - alpha)}.`,
    x: 'coverage',
    y: 'cost a question',
    points: splits.slice(0, 300).map(({ coverage, cost }) => ({ label: '', x: coverage, y: cost })),
  };
  return [{ kind: 'prose', text: `Mean coverage over ${splits.length} splits: ${percent(mean)}.` }, chart];
}

/** How a training went: threshold, soft coverage and soft cost over the steps. */
export function trainingPage(history: readonly TrainingStep[], alpha: number, sentences: readonly string[]): Page {
  const chart = (title: string, label: string, value: (step: TrainingStep) => number, log = false): LineChart => ({
    kind: 'lines',
    title,
    alt: `${title}: from ${figure(value(history[0] as TrainingStep))} to ${figure(value(history.at(-1) as TrainingStep))}.`,
    x: { label: 'step' },
    y: { label, ...(log && { log }) },
    series: [{ name: label, points: history.map((each) => ({ x: each.step, y: value(each) })) }],
  });
  return {
    title: 'A routing policy in training',
    summary: `Trained for a coverage of ${percent(1 - alpha)}. Calibrate it before use: training gives no certificate.`,
    sections: [
      { title: 'Before training', parts: [{ kind: 'prose', text: sentences.join('\n\n') }] },
      {
        title: 'Training',
        parts: [
          chart(
            'Threshold over the steps',
            'kappa',
            ({ kappa }) => kappa,
            history.every(({ kappa }) => kappa > 0),
          ),
          chart('Soft coverage of the batches', 'coverage', ({ coverage }) => coverage),
          chart('Soft cost of the batches', 'cost', ({ cost }) => cost),
        ],
      },
    ],
  };
}
