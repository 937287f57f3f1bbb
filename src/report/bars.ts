import { figure } from '../base/index.ts';
import { legend, seriesColor } from './colors.ts';
import { axisStyle, type Canvas, nothing, roomFor } from './draw.ts';
import { interval } from './lines.ts';
import { html, type Markup, shortened } from './markup.ts';
import type { Bar, BarChart } from './types.ts';

const rowHeight = 26;

/** Bars from zero, each with its number at the end and its interval as a whisker. */
export function bars(chart: BarChart, { plot, draw }: Canvas): Markup {
  const finite = chart.bars.filter(({ value }) => Number.isFinite(value));
  if (finite.length === 0) return nothing;
  const labels = distinct(finite.map(({ label }) => label));
  const series = distinct(finite.map((bar) => bar.series ?? ''));
  // Bands are told apart by number, so that labels which look the same when they are shortened do not fall together.
  const place = (bar: Bar) => labels.indexOf(bar.label) * (series.length + gapOf(series)) + seriesOf(bar);
  const seriesOf = (bar: Bar) => series.indexOf(bar.series ?? '');
  const rows = labels.length * (series.length + gapOf(series));
  const ends = finite.flatMap(({ value, low = value, high = value }) => [low, value, high]);
  const number = (bar: Bar) => figure(bar.value);
  const forward = finite.filter(({ value }) => value >= 0);
  const backward = finite.filter(({ value }) => value < 0);
  const middle = (label: number) => label * (series.length + gapOf(series)) + (series.length - 1) / 2;
  const title = (bar: Bar) =>
    [bar.label, bar.series ?? '', `${number(bar)}${interval(bar.low, bar.high)}`].filter(Boolean).join('\n');
  const whiskers = finite.filter(({ low, high }) => low !== undefined && high !== undefined);
  const whisker = { y: place, x1: 'low', x2: 'high' };
  const options = {
    height: rows * rowHeight + 58,
    marginLeft: roomFor(labels.map(shortened)),
    marginRight: 64,
    marginTop: 8,
    marginBottom: 44,
    x: { domain: extent([0, ...ends]), nice: true },
    y: { domain: [rows - 0.5 - gapOf(series), -0.5], axis: null },
    marks: [
      plot.gridX({ stroke: 'var(--rule)', strokeOpacity: 1 }),
      plot.axisX({ ...axisStyle, label: chart.x }),
      plot.rect(finite, {
        x1: 0,
        x2: 'value',
        y1: (bar: Bar) => place(bar) - 0.38,
        y2: (bar: Bar) => place(bar) + 0.38,
        fill: { value: (bar: Bar) => seriesColor(seriesOf(bar)), scale: null },
        fillOpacity: 0.8,
        rx: 2,
        title,
        className: 'bars',
      }),
      plot.ruleY(whiskers, { ...whisker, stroke: 'var(--card)', strokeWidth: 5, className: 'halos' }),
      plot.ruleY(whiskers, { ...whisker, stroke: 'var(--ink)', strokeWidth: 1.5, className: 'intervals' }),
      plot.ruleX([0], { stroke: 'var(--faint)' }),
      ...[
        {
          data: forward,
          end: (bar: Bar) => Math.max(bar.value, bar.high ?? bar.value),
          dx: 6,
          textAnchor: 'start' as const,
        },
        {
          data: backward,
          end: (bar: Bar) => Math.min(bar.value, bar.low ?? bar.value),
          dx: -6,
          textAnchor: 'end' as const,
        },
      ].map(({ data, end, ...where }) =>
        plot.text(data, { x: end, y: place, text: number, ...where, className: 'numbers' }),
      ),
      plot.text(labels, {
        frameAnchor: 'left' as const,
        textAnchor: 'end' as const,
        dx: -8,
        y: (_: string, i: number) => middle(i),
        text: shortened,
        title: (label: string) => label,
        className: 'labels',
      }),
    ],
  };
  return html`${legend(series)}${draw(options, chart.alt)}`;
}

/** Groups of several bars have room between them, in rows. */
function gapOf(series: readonly string[]): number {
  return series.length > 1 ? 0.6 : 0;
}

function extent(values: readonly number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)];
}
