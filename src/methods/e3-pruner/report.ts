import { figure } from '../../base/index.ts';
import type { BarChart, Cell, HeatMaps, LineChart, Page, Part, Section, Table } from '../../report/index.ts';
import { cutCommands } from './commands.ts';
import type { E3Options } from './options.ts';
import { type E3Result, own, ownCut } from './result.ts';
import type { SearchState } from './search.ts';
import { droppedBy, type PerplexityEstimate, perplexityOf, rankOf, summaryOf } from './summary.ts';
import type { Target } from './target.ts';

/** What a person looks at: how the mask came about, what it costs beside other masks, and every depth. */
export function e3Page(result: E3Result, source: string, options: E3Options): Page {
  const summary = summaryOf(result, options.seed);
  const { layers, drop } = result.target;
  const { teacherAgreement, intervals } = summary;
  const after = { value: summary.perplexityAfter, ...intervals.after };
  const sections: Section[] = [
    { title: 'Perplexity', parts: [perplexityBars(result), cutTable(result, options.seed)] },
    ...(result.search ? [{ title: 'The search', parts: searchParts(result, result.search) }] : []),
    ...(result.curve ? [{ title: 'Every depth', parts: [depthCurve(result)] }] : []),
    { title: 'Speed', parts: [speedTable(result)] },
    ...(result.task ? [{ title: 'Long answers', parts: [taskTable(result.task)] }] : []),
    { title: 'The same cut elsewhere', parts: commandParts(result, source) },
  ];
  const first = result.search ? [{ title: 'Which layers stay', parts: [maskMap(result.search, result.target)] }] : [];
  return {
    title: `${source} without ${drop} of ${layers} layers`,
    summary:
      `Layers ${summary.dropped.join(', ')} are dropped. Perplexity ${figure(summary.perplexityBefore)} becomes ` +
      `${figure(summary.perplexitySearched)}${ownCut(result).recovered ? `, after recovery ${withInterval(after)}` : ''}; ` +
      `the likeliest token is the whole model's in ${(100 * teacherAgreement.sameTop).toFixed(1)}% of the positions.`,
    sections: [...first, ...sections],
  };
}

const stepsShown = 24;

/** Mask logits by layer and step: a row a layer, large values are kept. */
export function maskMap({ history }: SearchState, { free }: Pick<Target, 'free'>): HeatMaps {
  const count = Math.min(stepsShown, history.length);
  const shown = Array.from({ length: count }, (_, i) => Math.round(((i + 1) * history.length) / count));
  const values = free.map((_, k) => shown.map((step) => history[step - 1]?.logits[k] ?? Number.NaN));
  const order = [...free.keys()].sort((a, b) => (values[a]?.at(-1) as number) - (values[b]?.at(-1) as number));
  const named = (k: number | undefined) => `layer ${free[k as number]}`;
  return {
    kind: 'heat',
    title: 'Mask logits over the search: the layers with the lowest are dropped',
    alt: `Mask logits by layer and step; at the end ${named(order[0])} is lowest and ${named(order.at(-1))} highest.`,
    value: 'logit',
    scale: 'diverging',
    rows: 'layer',
    columns: 'step',
    maps: [{ title: '', rows: free.map(String), columns: shown.map(String), values }],
  };
}

function perplexityBars({ base, cuts }: E3Result): BarChart {
  const bar = (label: string, windows: Parameters<typeof perplexityOf>[0], series: string) => {
    const { value, low, high } = perplexityOf(windows);
    return { label, value, series, ...(low !== undefined && high !== undefined ? { low, high } : {}) };
  };
  const bars = [
    bar('whole model', base, 'dropped'),
    ...Object.entries(cuts).flatMap(([name, { searched, recovered }]) => [
      bar(name, searched, 'dropped'),
      ...(recovered ? [bar(name, recovered, 'recovered')] : []),
    ]),
  ];
  const told = bars.map(({ label, series, value }) => `${label} ${series} ${figure(value)}`).join(', ');
  return {
    kind: 'bars',
    title: 'Perplexity on the test windows, with 95% intervals',
    alt: `Perplexities: ${told}.`,
    x: 'perplexity',
    bars,
  };
}

function cutTable(result: E3Result, seed: number): Table {
  const estimate = ({ value, low, high }: PerplexityEstimate): Cell =>
    low === undefined || high === undefined ? value : { value, low, high };
  return {
    kind: 'table',
    title: 'Masks, with and without the same recovery',
    columns: [
      { label: 'mask' },
      { label: 'dropped layers' },
      { label: 'perplexity', better: 'lower' },
      { label: 'after recovery', better: 'lower' },
      { label: 'same likeliest token', better: 'higher' },
      ...(result.ranked ? [{ label: `rank among all ${result.ranked.length} masks`, better: 'lower' as const }] : []),
    ],
    rows: Object.entries(result.cuts).map(([name, cut]) => {
      const last = cut.recovered ?? cut.searched;
      const same = last.reduce((sum, each) => sum + each.sameTop, 0) / last.reduce((sum, each) => sum + each.tokens, 0);
      return [
        name === own ? `E3-Pruner, seed ${seed}` : name,
        droppedBy(result, cut.kept).join(', '),
        estimate(perplexityOf(cut.searched)),
        cut.recovered ? estimate(perplexityOf(cut.recovered)) : null,
        `${(100 * same).toFixed(1)}%`,
        ...(result.ranked ? [rankOf(result, cut.kept)?.rank ?? null] : []),
      ];
    }),
  };
}

function searchParts({ target, importance = [] }: E3Result, { history }: SearchState): Part[] {
  const losses = history.flatMap(({ loss }, i) => (loss === undefined ? [] : [{ x: i + 1, y: loss }]));
  const bars = importance.map((value, layer) => ({ label: `layer ${layer}`, value }));
  const most = bars.reduce((a, b) => (b.value > a.value ? b : a));
  return [
    {
      kind: 'bars',
      title: 'Importance of single layers: KL of the whole model from the model without the layer, in nats',
      alt: `Importance of ${bars.length} layers; ${most.label} has most, ${figure(most.value)} nats.`,
      x: 'nats',
      bars,
    },
    {
      kind: 'lines',
      title: `Search loss, while up to ${target.drop} layers are dropped at random by the logits`,
      alt: `Search loss by step, ${figure(losses[0]?.y ?? Number.NaN)} at first and ${figure(losses.at(-1)?.y ?? Number.NaN)} at the end.`,
      x: { label: 'step' },
      y: { label: 'loss' },
      series: [{ name: 'search', points: losses }],
    },
  ];
}

/** Cross entropy by the number of dropped layers, as one search orders them. */
function depthCurve({ curve = [], target }: Pick<E3Result, 'curve' | 'target'>): LineChart {
  const points = curve.map(({ dropped, loss }) => ({ x: dropped, y: loss }));
  return {
    kind: 'lines',
    title: 'Cross entropy by dropped layers, in the order of one search, before recovery',
    alt: `Cross entropy from ${figure(points[0]?.y ?? Number.NaN)} nats with all ${target.layers} layers to ${figure(points.at(-1)?.y ?? Number.NaN)}.`,
    x: { label: 'dropped layers' },
    y: { label: 'nats a token' },
    series: [{ name: 'kept by the logits', points }],
  };
}

function speedTable({ speedup: { decode, prefill, ceiling } }: E3Result): Table {
  return {
    kind: 'table',
    title: 'Measured in turn with the whole model on this machine, medians of three pairs',
    columns: [{ label: '' }, { label: 'times faster' }, { label: 'at most' }],
    rows: [
      ['a decoded token', decode, ceiling.decode],
      ['a prompt', prefill, ceiling.prefill],
    ],
  };
}

function taskTable({ before, after }: NonNullable<E3Result['task']>): Table {
  const row = (name: string, { accuracy: value, low, high, n }: typeof before): Cell[] => [
    name,
    { value, low, high },
    n,
  ];
  return {
    kind: 'table',
    title: 'Answers that greedy decoding writes to the letter',
    columns: [{ label: 'model' }, { label: 'right', better: 'higher' }, { label: 'questions' }],
    rows: [row('whole', before), row('as written', after)],
  };
}

function commandParts({ target, ...result }: E3Result, source: string): Part[] {
  const { llamaQuantize, mergekit } = cutCommands(source, ownCut({ target, ...result }).kept, target.layers);
  return [
    { kind: 'prose', text: `llama.cpp: ${llamaQuantize}` },
    {
      kind: 'prose',
      text: `mergekit, without the recovery: ${mergekit
        .trim()
        .split('\n')
        .map((line) => line.trim())
        .join(' / ')}`,
    },
  ];
}

const withInterval = ({ value, low, high }: PerplexityEstimate): string =>
  low === undefined || high === undefined ? figure(value) : `${figure(value)} (${figure(low)} to ${figure(high)})`;
