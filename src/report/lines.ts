import { figure } from '../base/index.ts';
import { legend, legendPicture, seriesColor, seriesDash } from './colors.ts';
import { axisStyle, type Canvas, fullWidth, nothing } from './draw.ts';
import { html, Markup } from './markup.ts';
import type { Axis, LineChart, Point } from './types.ts';

const fewPoints = 40; // each of them is marked
const fewTicks = 12;
const mostPoints = 800; // of one series that are drawn
const height = Math.round(fullWidth * 0.46);

/** Lines over one horizontal axis, with the intervals of their points as bands. */
export function lines(chart: LineChart, canvas: Canvas): Markup {
  const svg = drawLines(chart, canvas);
  return svg ? html`${legend(namesOf(chart))}${svg}` : nothing;
}

/** The same as one SVG. */
export function linesPicture(chart: LineChart, canvas: Canvas): Markup {
  const svg = drawLines(chart, canvas);
  if (!svg) return nothing;
  const names = namesOf(chart);
  if (names.length < 2) return svg;
  const top = 36; // pixels for the legend
  const placed = new Markup(svg.text.replace('<svg', `<svg y="${top}"`));
  return html`<svg width="${fullWidth}" height="${top + height}" viewBox="0 0 ${fullWidth} ${top + height}" role="img" aria-label="${chart.alt}">
${legendPicture(names)}${placed}
</svg>`;
}

function namesOf({ series }: LineChart): string[] {
  return series.map(({ name }) => name);
}

/** Undefined where there is no point to draw. */
function drawLines(chart: LineChart, { plot, draw }: Canvas): Markup | undefined {
  const series = chart.series.map(({ name, points }) => ({ name, points: thinned(drawable(points, chart)) }));
  if (!series.some(({ points }) => points.some(isFinitePoint))) return undefined;
  const marks = series.flatMap(({ name, points }, i) => {
    const color = seriesColor(i);
    const band = points.filter(hasInterval);
    const line = plot.line(points, { x: 'x', y: 'y', stroke: color, strokeWidth: 2, strokeDasharray: seriesDash(i) });
    const dots = plot.dot(points.filter(isFinitePoint), {
      x: 'x',
      y: 'y',
      fill: color,
      r: 3,
      title: ({ x, y, low, high }: Point) =>
        `${name}\n${chart.x.label} ${figure(x)}\n${chart.y.label} ${figure(y)}${interval(low, high)}`,
    });
    const area = plot.areaY(band, { x: 'x', y1: 'low', y2: 'high', fill: color, fillOpacity: 0.16 });
    return [...(band.length > 0 ? [area] : []), line, ...(points.length <= fewPoints ? [dots] : [])];
  });
  const places = [...new Set(series.flatMap(({ points }) => points.map(({ x }) => x)))];
  const measured = chart.x.log && places.length <= fewTicks ? places : undefined; // contexts of 512, 1024, 2048 …
  const options = {
    height,
    marginTop: 12,
    marginLeft: 66,
    marginRight: 24,
    marginBottom: 42,
    x: scaleOf(chart.x),
    y: { ...scaleOf(chart.y), nice: true },
    marks: [
      plot.gridY({ stroke: 'var(--rule)', strokeOpacity: 1 }),
      plot.axisY({ ...axisStyle, ...ticksOf(chart.y) }),
      plot.axisX({ ...axisStyle, ...ticksOf(chart.x), ...(measured ? { ticks: measured, text: figure } : {}) }),
      ...marks,
    ],
  };
  return draw(options, chart.alt);
}

/** The interval as it follows a number: nothing where it is not known. */
export function interval(low: number | undefined, high: number | undefined): string {
  return low === undefined || high === undefined ? '' : ` (${figure(low)} to ${figure(high)})`;
}

function scaleOf({ log = false }: Axis) {
  return log ? { type: 'log' as const } : {};
}

function ticksOf({ label, log = false }: Axis) {
  return log ? { label, tickFormat: figure } : { label };
}

/** The points that have a place on the axes; where only y has none, the line is broken. */
function drawable(points: readonly Point[], { x, y }: LineChart): Point[] {
  const has = (value: number, { log }: Axis) => Number.isFinite(value) && !(log && value <= 0);
  return points
    .filter((point) => has(point.x, x))
    .map((point) => {
      const sound = has(point.y, y) ? point : { x: point.x, y: Number.NaN };
      const { low, high } = sound;
      return low !== undefined && high !== undefined && has(low, y) && has(high, y)
        ? sound
        : { x: sound.x, y: sound.y };
    });
}

/** Of very many points, the lowest and the highest of each stretch: what a line of this width can show. */
function thinned(points: readonly Point[]): readonly Point[] {
  if (points.length <= mostPoints) return points;
  const stretch = (2 * points.length) / mostPoints;
  return Array.from({ length: mostPoints / 2 }, (_, i) =>
    extremes(points.slice(Math.floor(i * stretch), Math.floor((i + 1) * stretch))),
  ).flat();
}

function extremes(points: readonly Point[]): Point[] {
  const by = (better: (a: number, b: number) => boolean) =>
    points.reduce((best, point) => (better(point.y, best.y) || !isFinitePoint(best) ? point : best));
  const [low, high] = [by((a, b) => a < b), by((a, b) => a > b)];
  if (low === high) return [low];
  return low.x < high.x ? [low, high] : [high, low];
}

function isFinitePoint({ y }: Point): boolean {
  return Number.isFinite(y);
}

function hasInterval({ low, high }: Point): boolean {
  return low !== undefined && high !== undefined;
}
