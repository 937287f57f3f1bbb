import { figure } from '../../base/index.ts';
import type { BarChart, Cell, Page } from '../../report/index.ts';
import type { CrossFit } from './cross-fit.ts';
import type { Dataset } from './dataset.ts';
import type { SystemSummary } from './summary.ts';
import type { TrainingRun } from './train.ts';
import type { Gain, TrainingResult } from './training-result.ts';

const names: Readonly<Record<string, string>> = {
  before: 'before',
  heldout: 'after, held out',
  insample: 'after, in sample',
  plain: 'before, without a system line',
  'few-shot': 'before, three shots of other topics',
  retrieval: 'before, the three most similar shots of other topics',
};
const nameOf = (split: string) => names[split] ?? split;

/** CE before and after, held out and in sample, as a figure. */
export function trainingChart({ means }: TrainingResult): BarChart {
  const bars = Object.entries(means).flatMap(([split, { ce, low, high }]) =>
    ce === null ? [] : [{ label: nameOf(split), value: ce, low: low ?? ce, high: high ?? ce }],
  );
  return {
    kind: 'bars',
    title: 'Mean CE before and after training, with 95% intervals',
    alt: bars.map(({ label, value }) => `${label} ${figure(value)}`).join(', '),
    x: 'CE',
    bars,
  };
}

/** The page of a training: what changed where it was not trained, then where it was, and how answers read. */
export function trainingPage(
  data: Dataset,
  { result, folds, steps }: TrainingRun,
  { answered }: CrossFit,
  model: string,
): Page {
  const { means, gains, lengthMatched, quality, usability, encoder } = result;
  const heldout = gains.heldout;
  const change = heldout ? gainText(heldout.ce) : '';
  return {
    title: 'Fine-tuning on people’s answers',
    summary: `${model}, ${data.questions.length} questions in ${folds.length} folds: held-out CE changes by ${change}.`,
    sections: [
      {
        title: 'Limits, before any number',
        parts: [
          {
            kind: 'prose',
            text: [
              `${data.questions.length} questions and ${steps} updates a fold teach style, not knowledge: what rises is likeness to how these people write. Only the held-out row is a result; the in-sample row scores questions that were trained on, as a reader of published gains should expect of unsplit data.`,
              usability.usable
                ? `The encoder (${encoder}) tells true references from shuffled ones (p = ${figure(usability.p)}).`
                : `The encoder (${encoder}) does not tell true references from shuffled ones (p = ${figure(usability.p)}): read CE without SemSim.`,
            ].join('\n\n'),
          },
        ],
      },
      {
        title: 'Before and after',
        parts: [
          trainingChart(result),
          summaryTable('Means, with 95% BCa intervals over questions', means),
          {
            kind: 'table',
            title: 'Change from before, on the same questions',
            columns: ['', 'CE', 'percent', 'p', 'CE without SemSim', 'percent ', 'p ', 'n'].map((label) => ({ label })),
            rows: Object.entries(gains).map(([split, { ce, ceWithoutSs }]): Cell[] => [
              nameOf(split),
              ...gainCells(ce),
              ...gainCells(ceWithoutSs),
              ce.n,
            ]),
          },
          {
            kind: 'table',
            title: 'Gates: answers of each kind, before any score is believed',
            columns: ['', 'different', 'loop', 'refuse', 'cut short', 'flags'].map((label) => ({ label })),
            rows: Object.entries(quality).map(([split, { distinct, answers, flags }]): Cell[] => [
              nameOf(split),
              distinct,
              ...['degenerate', 'refused', 'truncated'].map((flag) => answers[flag] ?? 0),
              flags.join(', '),
            ]),
          },
          summaryTable('The same with answers cut to one and a half times the length of the references', lengthMatched),
        ],
      },
      {
        title: 'How it reads',
        parts: [
          {
            kind: 'table',
            title: 'The first question of each fold',
            columns: ['question', 'a person', 'before', 'after, held out'].map((label) => ({ label })),
            rows: folds.map(([qid = '']): Cell[] => [
              data.questions.find(({ id }) => id === qid)?.text ?? qid,
              shortened(data.references.find((reference) => reference.qid === qid)?.text),
              ...['before', 'heldout'].map((split) =>
                shortened(
                  answered.find((each) => each.split === split)?.answers.find((each) => each.qid === qid)?.text,
                ),
              ),
            ]),
          },
        ],
      },
    ],
  };
}

function summaryTable(title: string, means: Readonly<Record<string, SystemSummary>>) {
  return {
    kind: 'table' as const,
    title,
    columns: ['', 'CE', 'CE without SemSim', 'KF', 'dS', 'signed b', 'SemSim', 'n'].map((label) => ({ label })),
    rows: Object.entries(means).map(([split, { ce, low, high, ceWithoutSs, kf, ds, b, ss, n }]): Cell[] => [
      nameOf(split),
      ce === null ? null : { value: ce, low: low ?? ce, high: high ?? ce },
      ...[ceWithoutSs, kf, ds, b, ss, n],
    ]),
  };
}

const gainCells = ({ difference, low, high, percent, p }: Gain): Cell[] => [
  { value: difference, low, high },
  percent,
  p,
];

export const gainText = ({ difference, low, high, percent, p, n }: Gain): string =>
  `${figure(difference)} (${figure(low)} to ${figure(high)}; ${figure(percent.value)}%, ${figure(percent.low)} to ${figure(percent.high)}; p = ${figure(p)}, n = ${n})`;

const shortened = (text = ''): string => (text.length > 300 ? `${text.slice(0, 300)} …` : text);
