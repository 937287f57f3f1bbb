import { figure } from '../../base/index.ts';
import type { BarChart, Cell, Page, Part, Section, Table } from '../../report/index.ts';
import { wilson } from '../../statistics/index.ts';
import type { Dataset } from './dataset.ts';
import type { Hypothesis, Metric } from './hypotheses.ts';
import type { CultureResult, Findings } from './run.ts';
import type { Score } from './score.ts';
import { meanOf, type SystemSummary, summaryOf } from './summary.ts';

const leastSlice = 5; // items: a slice of fewer says nothing, and may show a person
const quick = { seed: 0, resamples: 2000 }; // slices are exploratory

/** The page of a run: limits first, then systems beside the baselines, effects before p-values, slices, quality. */
export function culturePage(data: Dataset, result: CultureResult): Page {
  const { usability, scores } = result;
  const first = leader(result);
  return {
    title: 'Cultural expressiveness',
    summary:
      `${data.systems.length} systems on ${data.questions.length} questions, ${data.references.length} references of people. ` +
      `${first} ${usability.usable ? '' : 'Semantic similarity is withheld: see the limits.'}`,
    sections: [
      limits(data, result),
      systemsSection(result, result),
      baselineSection(result),
      ...testSections(result.tests),
      ...sliceSections(scores),
      stabilitySection(result),
      qualitySection(data, result),
      varietySection(scores),
      referencesSection(result),
    ],
  };
}

/** The page of scores whose texts are not at hand. */
export function findingsPage(scores: readonly Score[], found: Findings): Page {
  return {
    title: 'Cultural expressiveness',
    summary: `${Object.keys(found.systems).length} systems, ${scores.length} scored answers. ${leader(found)}`,
    sections: [
      systemsSection(found),
      ...testSections(found.tests),
      ...sliceSections(scores),
      stabilitySection(found),
      varietySection(scores),
    ],
  };
}

function leader({ systems }: Findings): string {
  const [first] = Object.entries(systems)
    .filter(([, { ce }]) => ce !== null)
    .sort(([, a], [, b]) => (b.ce as number) - (a.ce as number));
  return first ? `Highest mean CE: ${first[0]}, ${estimateText(first[1])}.` : '';
}

const estimateText = ({ ce, low, high }: SystemSummary) =>
  ce === null ? '–' : `${figure(ce)} (${figure(low ?? ce)} to ${figure(high ?? ce)})`;

const estimate = ({ ce, low, high }: SystemSummary): Cell =>
  ce === null ? null : { value: ce, low: low ?? ce, high: high ?? ce };

const prose = (text: string): Part => ({ kind: 'prose', text });

function limits(data: Dataset, { usability, encoder, withoutKeywords, quality, weights }: CultureResult): Section {
  const flagged = Object.entries(quality).filter(([, { flags }]) => flags.length > 0);
  const pairs = usability.between === 'references' ? 'references of one question' : 'answers and their references';
  const similar =
    `The encoder is ${encoder}. With it ${pairs} have a mean cosine of ${figure(usability.trueMean)}, shuffled ones ` +
    `${figure(usability.shuffledMean)} (n = ${usability.n}, one-sided p = ${figure(usability.p)}).`;
  const verdict = usability.usable
    ? 'It tells them apart, so semantic similarity counts.'
    : 'It does not tell them apart at p < .01: semantic similarity is withheld, and CE without it is the column to read.';
  return {
    title: 'Limits, before any number',
    parts: [
      prose(
        [
          `CE = ${weights[0]} KF + ${weights[1]} (1 - dS) + ${weights[2]} SemSim. The weights are the paper's or yours; the word lists, the sentiment list and the encoder are cria's, so that no value here can stand in one column with a published one.`,
          `${similar} ${verdict}`,
          `CE rewards keywords and the style of the references, not knowledge: read each system beside the baselines. Two or three references are not the view of a region, and sentiment by word lists fails on irony, slurs and crime.`,
          `${withoutKeywords.length} of ${data.questions.length} questions have no keyword in their references, and count in no CE.`,
          flagged.length === 0
            ? 'Every system passes the quality gates.'
            : `Gates that were not passed: ${flagged.map(([name, { flags }]) => `${name} (${flags.join(', ')})`).join('; ')}. Such systems are not fit for a ranking.`,
        ].join('\n\n'),
      ),
    ],
  };
}

/** Mean CE of every system as a figure: without SemSim where that is withheld. */
export function meansChart({ systems, ...rest }: Findings & Partial<CultureResult>): BarChart {
  const withheld = rest.usability?.usable === false;
  const bars = Object.entries(systems).flatMap(([label, summary]) => {
    const { ce, low, high, ceWithoutSs, lowWithoutSs, highWithoutSs } = summary;
    const [value, from, to] = withheld ? [ceWithoutSs, lowWithoutSs, highWithoutSs] : [ce, low, high];
    return value === null ? [] : [{ label, value, low: from ?? value, high: to ?? value }];
  });
  const known = (rest.baselines ?? []).flatMap(({ name, scores }) => {
    const value = meanOf(scores, (score) => (withheld ? score.ce_without_ss : score.ce));
    return value === null ? [] : [{ label: `${name} (baseline)`, value }];
  });
  const all = [...bars, ...known];
  return {
    kind: 'bars',
    title: `Mean CE${withheld ? ' without semantic similarity' : ''}, with 95% intervals`,
    alt: all.map(({ label, value }) => `${label} ${figure(value)}`).join(', '),
    x: withheld ? 'CE without SemSim' : 'CE',
    bars: all,
  };
}

const summaryColumns = [
  { label: 'CE', better: 'higher' },
  { label: 'CE without SemSim', better: 'higher' },
  { label: 'KF', better: 'higher' },
  { label: 'dS', better: 'lower' },
  { label: 'signed b' },
  { label: 'SemSim', better: 'higher' },
  { label: 'CE with language match', better: 'higher' },
  { label: 'n' },
] as const;

const summaryCells = (summary: SystemSummary): Cell[] => [
  estimate(summary),
  summary.ceWithoutSs,
  summary.kf,
  summary.ds,
  summary.b,
  summary.ss,
  summary.ceExt,
  summary.n,
];

function systemsSection(found: Findings, result?: CultureResult): Section {
  const names = result?.quality ?? {};
  return {
    title: 'Systems',
    parts: [
      meansChart({ ...found, ...result }),
      {
        kind: 'table',
        title: 'Means over answers, with 95% BCa intervals over questions',
        columns: [{ label: 'system' }, ...summaryColumns, { label: 'gates' }],
        rows: Object.entries(found.systems).map(([name, summary]) => [
          name,
          ...summaryCells(summary),
          names[name]?.flags.join(', ') ?? null,
        ]),
      },
    ],
  };
}

function baselineSection({ baselines }: CultureResult): Section {
  return {
    title: 'Baselines',
    parts: [
      {
        kind: 'table',
        title: 'What CE gives to answers whose worth is known',
        columns: [{ label: 'baseline' }, ...summaryColumns.map(({ label }) => ({ label })), { label: 'what it is' }],
        rows: baselines.map(({ name, what, scores }) => [name, ...summaryCells(summaryOf(scores, quick)), what]),
      },
    ],
  };
}

const metricNames: Readonly<Record<Metric, string>> = {
  ce: 'CE',
  kf: 'KF',
  ds: 'dS',
  ss: 'SemSim',
  b: 'signed b',
};

function testSections(tests: readonly Hypothesis[]): Section[] {
  const of = (family: Hypothesis['family']) => tests.filter((test) => test.family === family);
  const shown = (test: Hypothesis): Cell[] => [
    test.systems.join(' - '),
    metricNames[test.metric],
    `${test.effect.name} ${figure(test.effect.value)}`,
    test.difference === null
      ? null
      : { value: test.difference, low: test.low ?? test.difference, high: test.high ?? test.difference },
    test.n,
    test.test,
    test.statistic,
    test.pAdjusted,
    test.p,
  ];
  const columns = ['systems', 'metric', 'effect', 'difference', 'n', 'test', 'statistic', 'p (Holm)', 'p'];
  const section = (title: string, about: string, family: Hypothesis['family']): Section[] =>
    of(family).length === 0
      ? []
      : [
          {
            title,
            parts: [
              prose(about),
              { kind: 'table', title, columns: columns.map((label) => ({ label })), rows: of(family).map(shown) },
            ],
          },
        ];
  return [
    ...section(
      'Rosier or darker than people',
      'b is the sentiment of an answer less the mean of its references: above 0 the system is rosier. This is the primary family.',
      'misalignment',
    ),
    ...section(
      'Pairs of systems',
      'On the questions that both answer. The effect first: p says how sure, not how much.',
      'pairs',
    ),
    ...section('All systems together', 'On the questions that all of them answer.', 'omnibus'),
  ];
}

function sliceSections(scores: readonly Score[]): Section[] {
  const slices = [
    ['language of the question', (score: Score) => (score.lang === null ? [] : [score.lang])],
    ['country', (score: Score) => score.country ?? []],
  ] as const;
  return slices.flatMap(([name, keysOf]) => {
    const table = sliceTable(scores, name, keysOf);
    if (!table) return [];
    return [
      {
        title: `By ${name}`,
        parts: [
          prose(`Exploratory: no test was made. Slices with fewer than ${leastSlice} items are left out.`),
          table,
        ],
      },
    ];
  });
}

function sliceTable(
  scores: readonly Score[],
  name: string,
  keysOf: (score: Score) => readonly string[],
): Table | undefined {
  const keys = [...new Set(scores.flatMap(keysOf))].sort();
  const systems = [...new Set(scores.map(({ system }) => system))];
  const rows = keys.flatMap((key): Cell[][] => {
    const own = scores.filter((score) => keysOf(score).includes(key) && score.ce !== null);
    const cells = systems.map((system): Cell => {
      const some = own.filter((score) => score.system === system);
      return some.length < leastSlice ? null : estimate(summaryOf(some, quick));
    });
    return cells.every((cell) => cell === null) ? [] : [[key, new Set(own.map(({ qid }) => qid)).size, ...cells]];
  });
  if (rows.length === 0) return undefined;
  const columns = [{ label: name }, { label: 'questions' }, ...systems.map((label) => ({ label }))];
  return { kind: 'table', title: `Mean CE by ${name}`, columns, rows };
}

function stabilitySection({ stability, systems }: Findings): Section {
  const names = Object.keys(systems);
  const { readings, grid } = stability;
  const isSteady = new Set(readings.map(({ ranks }) => JSON.stringify(ranks))).size <= 1;
  return {
    title: 'Does the definition decide the ranks?',
    parts: [
      prose(
        readings.length === 0
          ? 'Some system lacks a part, so that there are no ranks.'
          : `Rank 1 is the highest mean CE. Over the ${readings.length} readings the order is ${isSteady ? 'the same' : 'not the same'}.`,
      ),
      {
        kind: 'table',
        title: 'Ranks under other readings of the parts',
        columns: [{ label: 'reading' }, ...names.map((label) => ({ label }))],
        rows: readings.map(({ name, ranks }) => [name, ...names.map((system) => ranks[system] ?? null)]),
      },
      {
        kind: 'table',
        title: `Ranks over ${grid.points} weightings of the three parts, in steps of 0.1: how often each`,
        columns: [{ label: 'system' }, ...names.map((_, i) => ({ label: `rank ${i + 1}` }))],
        rows: names.map((system) => [system, ...names.map((_, i) => countAround(grid.ranks[system], i + 1))]),
      },
    ],
  };
}

/** Ranks of ties are halves: they count to the better one. */
const countAround = (ranks: Readonly<Record<string, number>> | undefined, rank: number): number =>
  (ranks?.[rank] ?? 0) + (ranks?.[rank + 0.5] ?? 0);

function qualitySection(data: Dataset, { quality, scores, systems }: CultureResult): Section {
  const rows = data.systems.map((name): Cell[] => {
    const own = quality[name];
    if (!own) return [name];
    const distinct =
      own.filled === 0 ? null : { value: own.distinct / own.filled, ...wilson(own.distinct, own.filled) };
    const counts = ['degenerate', 'refused', 'language-mismatch', 'truncated'].map((flag) => own.answers[flag] ?? 0);
    return [name, `${own.filled} of ${own.items}`, own.distinct, distinct, ...counts, own.flags.join(', ')];
  });
  const clean = scores.filter(({ flags }) => flags.every((flag) => flag === 'low-coverage'));
  return {
    title: 'Quality of the answers',
    parts: [
      {
        kind: 'table',
        title: 'Gates',
        columns: [
          'system',
          'filled',
          'distinct',
          'share',
          'degenerate',
          'refused',
          'other language',
          'truncated',
          'gates',
        ].map((label) => ({ label })),
        rows,
      },
      {
        kind: 'table',
        title: 'Mean CE with all answers, and without those that are flagged',
        columns: ['system', 'all', 'without flagged', 'n left'].map((label) => ({ label })),
        rows: Object.entries(systems).map(([name, summary]): Cell[] => {
          const left = summaryOf(
            clean.filter(({ system }) => system === name),
            quick,
          );
          return [name, estimate(summary), estimate(left), left.n];
        }),
      },
    ],
  };
}

function varietySection(scores: readonly Score[]): Section {
  const systems = [...new Set(scores.map(({ system }) => system))];
  const columns = [
    ['words', ({ words }: Score) => words],
    ['TTR', ({ lv }: Score) => lv.ttr],
    ['MATTR', ({ lv }: Score) => lv.mattr],
    ['HD-D', ({ lv }: Score) => lv.hdd],
    ['MTLD', ({ lv }: Score) => lv.mtld],
    ['language match', ({ lv }: Score) => lv.language_match],
    ['code switches', ({ lv }: Score) => lv.code_switches],
    ['Indigenous terms', ({ lv }: Score) => lv.indigenous_terms],
    ['regional entropy, bits', ({ lv }: Score) => lv.regional_entropy],
  ] as const;
  return {
    title: 'Language variety',
    parts: [
      prose('Means over answers. None of this is part of CE; length confounds most of it.'),
      {
        kind: 'table',
        title: 'Language variety',
        columns: [{ label: 'system' }, ...columns.map(([label]) => ({ label }))],
        rows: systems.map((system) => {
          const own = scores.filter((score) => score.system === system);
          return [system, ...columns.map(([, pick]) => meanOf(own, pick))];
        }),
      },
    ],
  };
}

/** How far the sets of references disagree about the same answers. */
function referencesSection({ scores }: CultureResult): Section {
  const systems = [...new Set(scores.map(({ system }) => system))];
  const sets = [...new Set(scores.flatMap(({ ss_sets }) => Object.keys(ss_sets)))];
  const spread = ({ ss_sets }: Score) => {
    const values = Object.values(ss_sets);
    return values.length < 2 ? null : Math.max(...values) - Math.min(...values);
  };
  return {
    title: 'The sets of references',
    parts: [
      {
        kind: 'table',
        title: 'SemSim to each set, and how far the sets lie apart on one answer',
        columns: [{ label: 'system' }, ...sets.map((label) => ({ label })), { label: 'apart' }],
        rows: systems.map((system) => {
          const own = scores.filter((score) => score.system === system);
          return [system, ...sets.map((set) => meanOf(own, ({ ss_sets }) => ss_sets[set])), meanOf(own, spread)];
        }),
      },
    ],
  };
}
