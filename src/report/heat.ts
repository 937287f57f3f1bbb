import { figure } from '../base/index.ts';
import { heatColor, inkOn } from './colors.ts';
import { axisStyle, type Canvas, fullWidth, nothing, roomFor } from './draw.ts';
import { html, type Markup, shortened } from './markup.ts';
import type { HeatMap, HeatMaps } from './types.ts';

interface Square {
  readonly row: number;
  readonly column: number;
  readonly value: number;
}

const tallest = 640; // pixels of a map's cells

/** Maps side by side, one scale for all of them, with the scale beneath. */
export function heat(chart: HeatMaps, canvas: Canvas): Markup {
  const values = chart.maps.flatMap((map) => squaresOf(map).map(({ value }) => value));
  if (values.length === 0) return nothing;
  const low = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const bound = Math.max(Math.abs(low), Math.abs(high)) || 1;
  const diverging = chart.scale === 'diverging';
  const share = (value: number) => (diverging ? value / bound : (value - low) / (high - low || 1));
  const maps = chart.maps.map((map) => html`<div><h4>${map.title}</h4>${drawMap(map, chart, share, canvas)}</div>`);
  const ends = diverging ? [-bound, 0, bound] : [low, high];
  const colors = ends.map((end) => heatColor(share(end))).join(', ');
  const numbers = ends.map((end) => html`<span>${figure(end)}</span>`);
  return html`<div class="maps">${maps}</div>
<div class="scale"><span>${chart.value}</span><div><i style="background:linear-gradient(in oklab to right, ${colors})"></i><p>${numbers}</p></div></div>`;
}

function drawMap(map: HeatMap, chart: HeatMaps, share: (value: number) => number, { plot, draw }: Canvas): Markup {
  const left = roomFor(map.rows.map(shortened)) + 18;
  const widest = Math.max(1, map.columns.length);
  const size = between(9, 40, Math.floor((fullWidth - left) / widest));
  const rowHeight = between(9, Math.min(size, 28), Math.floor(tallest / Math.max(1, map.rows.length)));
  const crowded = roomFor(map.columns.map(shortened)) > size + 10;
  const bottom = crowded ? roomFor(map.columns.map(shortened)) + 24 : 40;
  const squares = squaresOf(map);
  const short = shortNumber(squares);
  const fits = rowHeight > 13 && squares.every(({ value }) => short(value).length * 5.7 < size - 4);
  const fill = ({ value }: Square) => heatColor(share(value));
  // A label for every so many cells, so that they do not touch.
  const shown = (labels: readonly string[], room: number) =>
    [...labels.keys()].filter((i) => i % Math.ceil(15 / room) === 0);
  const name = (labels: readonly string[]) => (i: number) => shortened(labels[i] as string);
  const options = {
    width: left + widest * size + 8,
    height: map.rows.length * rowHeight + bottom + 8,
    marginTop: 8,
    marginRight: 8,
    marginLeft: left,
    marginBottom: bottom,
    padding: 0,
    x: { domain: [...map.columns.keys()] },
    y: { domain: [...map.rows.keys()] },
    marks: [
      plot.axisX(shown(map.columns, size), {
        ...axisStyle,
        label: chart.columns,
        tickFormat: name(map.columns),
        ...(crowded ? { tickRotate: -90 } : {}),
      }),
      plot.axisY(shown(map.rows, rowHeight), { ...axisStyle, label: chart.rows, tickFormat: name(map.rows) }),
      plot.cell(squares, {
        x: 'column',
        y: 'row',
        fill: { value: fill, scale: null },
        inset: 0.75,
        rx: Math.min(size, rowHeight) / 9,
        title: ({ row, column, value }: Square) =>
          `${chart.rows} ${map.rows[row]}, ${chart.columns} ${map.columns[column]}\n${chart.value} ${figure(value)}`,
        className: 'cells',
      }),
      ...(!fits
        ? []
        : [
            plot.text(squares, {
              x: 'column',
              y: 'row',
              text: ({ value }: Square) => short(value),
              fill: { value: ({ value }: Square) => inkOn(share(value)), scale: null },
              fontSize: 10,
              pointerEvents: 'none',
              className: 'numbers',
            }),
          ]),
    ],
  };
  return draw(options, `${chart.alt} ${map.title}`);
}

function squaresOf({ values }: HeatMap): Square[] {
  return values
    .flatMap((row, r) => row.map((value, c) => ({ row: r, column: c, value })))
    .filter(({ value }) => Number.isFinite(value));
}

/** How the numbers of a map are written in its cells: with as many decimals as the largest needs. */
function shortNumber(squares: readonly Square[]): (value: number) => string {
  const largest = squares.reduce((most, { value }) => Math.max(most, Math.abs(value)), 0);
  if (largest < 0.1 || squares.every(({ value }) => Number.isInteger(value))) return figure;
  return (value) => value.toFixed(largest < 10 ? 2 : 0).replace(/^-(0(\.0+)?)$/, '$1');
}

function between(low: number, high: number, value: number): number {
  return Math.max(low, Math.min(high, value));
}
