import { figure } from '../base/index.ts';
import { heatColor, inkOn } from './colors.ts';
import { axisStyle, type Canvas, fullWidth, nothing, roomFor } from './draw.ts';
import { html, Markup, shortened } from './markup.ts';
import type { HeatMap, HeatMaps } from './types.ts';

interface Square {
  readonly row: number;
  readonly column: number;
  readonly value: number;
}

const tallest = 640; // pixels of a map's cells
const gap = 24; // between maps, as the style has it

/** Maps side by side, one scale for all of them, with the scale beneath. */
export function heat(chart: HeatMaps, canvas: Canvas): Markup {
  const drawn = mapsOf(chart, canvas);
  if (!drawn) return nothing;
  const maps = drawn.maps.map(({ title, svg }) => html`<div><h4>${title}</h4>${svg}</div>`);
  const numbers = drawn.ends.map(({ label }) => html`<span>${label}</span>`);
  const colors = drawn.ends.map(({ color }) => color).join(', ');
  return html`<div class="maps">${maps}</div>
<div class="scale"><span>${chart.value}</span><div><i style="background:linear-gradient(in oklab to right, ${colors})"></i><p>${numbers}</p></div></div>`;
}

/** The same as one SVG. */
export function heatPicture(chart: HeatMaps, canvas: Canvas): Markup {
  const drawn = mapsOf(chart, canvas);
  if (!drawn) return nothing;
  const [top, scale, margin] = [36, 44, 8]; // pixels for titles, the scale, and around
  let x = margin;
  const maps = drawn.maps.map(({ title, svg, width }) => {
    const placed = new Markup(svg.text.replace('<svg', `<svg x="${x}" y="${top}"`));
    const labelled = html`<text x="${x}" y="24" font-weight="600" fill="currentColor">${title}</text>${placed}`;
    x += width + gap;
    return labelled;
  });
  const below = top + Math.max(...drawn.maps.map(({ height }) => height));
  const share = (i: number) => i / (drawn.ends.length - 1);
  const stops = drawn.ends.map(({ color }, i) => html`<stop offset="${share(i)}" style="stop-color:${color}"/>`);
  const from = margin + roomFor([chart.value]);
  const width = Math.max(x - gap, from + scaleWidth) + margin;
  const anchors = ['start', ...Array<string>(drawn.ends.length - 2).fill('middle'), 'end'];
  const numbers = drawn.ends.map(
    ({ label }, i) =>
      html`<text x="${from + scaleWidth * share(i)}" y="${below + 30}" text-anchor="${anchors[i] as string}">${label}</text>`,
  );
  return html`<svg width="${width}" height="${below + scale}" viewBox="0 0 ${width} ${below + scale}" role="img" aria-label="${chart.alt}">
<linearGradient id="scale">${stops}</linearGradient>
${maps}
<g fill="currentColor"><text x="${margin}" y="${below + 15}">${chart.value}</text>
<rect x="${from}" y="${below + 5}" width="${scaleWidth}" height="11" rx="3" fill="url(#scale)"/>${numbers}</g>
</svg>`;
}

const scaleWidth = 224;

interface DrawnMap {
  readonly title: string;
  readonly svg: Markup;
  readonly width: number;
  readonly height: number;
}

/** Each map, and the ends (and the middle) of their scale; undefined without a finite number. */
function mapsOf(chart: HeatMaps, canvas: Canvas) {
  const values = chart.maps.flatMap((map) => squaresOf(map).map(({ value }) => value));
  if (values.length === 0) return undefined;
  const low = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const bound = Math.max(Math.abs(low), Math.abs(high)) || 1;
  const diverging = chart.scale === 'diverging';
  const share = (value: number) => (diverging ? value / bound : (value - low) / (high - low || 1));
  const room = (fullWidth - gap * (chart.maps.length - 1)) / chart.maps.length;
  const ends = diverging ? [-bound, 0, bound] : [low, high];
  return {
    maps: chart.maps.map((map) => drawMap(map, chart, room, share, canvas)),
    ends: ends.map((end) => ({ label: figure(end), color: heatColor(share(end)) })),
  };
}

function drawMap(
  map: HeatMap,
  chart: HeatMaps,
  room: number,
  share: (value: number) => number,
  { plot, draw }: Canvas,
): DrawnMap {
  const left = roomFor(map.rows.map(shortened)) + 18;
  const widest = Math.max(1, map.columns.length);
  const size = between(9, 40, Math.floor((room - left - 8) / widest));
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
    width: Math.ceil(left + widest * size + 8),
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
  const { width, height } = options;
  return { title: map.title, svg: draw(options, `${chart.alt} ${map.title}`), width, height };
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
