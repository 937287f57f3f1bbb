import { figure } from '../base/index.ts';
import { legend, seriesColor } from './colors.ts';
import { axisStyle, type Canvas, fullWidth, nothing, widthOf } from './draw.ts';
import { placeLabels, type Side } from './labels.ts';
import { html, type Markup, shortened } from './markup.ts';
import type { LabelledPoint, Scatter } from './types.ts';

const margin = { left: 72, right: 16, top: 12, bottom: 42 };
const height = 460;

/** Points with their labels, where there is room for them. */
export function scatter(chart: Scatter, { plot, draw }: Canvas): Markup {
  const points = chart.points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
  if (points.length === 0) return nothing;
  const groups = [...new Set(points.map(({ group }) => group ?? ''))];
  const color = ({ group }: LabelledPoint) => seriesColor(groups.indexOf(group ?? ''));
  const [domainX, domainY] = [padded(points.map(({ x }) => x)), padded(points.map(({ y }) => y))];
  const frame = { left: margin.left, right: fullWidth - margin.right, top: margin.top, bottom: height - margin.bottom };
  const pixels = points.map(({ label, x, y }) => ({
    x: frame.left + share(x, domainX) * (frame.right - frame.left),
    y: frame.bottom - share(y, domainY) * (frame.bottom - frame.top),
    width: widthOf(shortened(label)),
  }));
  const placed = placeLabels(pixels, frame);
  const options = {
    height,
    marginLeft: margin.left,
    marginRight: margin.right,
    marginTop: margin.top,
    marginBottom: margin.bottom,
    x: { domain: domainX },
    y: { domain: domainY },
    marks: [
      plot.gridX({ stroke: 'var(--rule)', strokeOpacity: 1 }),
      plot.gridY({ stroke: 'var(--rule)', strokeOpacity: 1 }),
      plot.axisX({ ...axisStyle, label: chart.x }),
      plot.axisY({ ...axisStyle, label: chart.y }),
      plot.dot(points, {
        x: 'x',
        y: 'y',
        r: 3.5,
        fill: { value: color, scale: null },
        title: ({ label, x, y }: LabelledPoint) => `${label}\n${figure(x)}, ${figure(y)}`,
        className: 'points',
      }),
      ...Object.entries(textAt).map(([side, where]) =>
        plot.text(
          placed.filter((label) => label.side === side).map(({ index }) => points[index] as LabelledPoint),
          { x: 'x', y: 'y', text: ({ label }: LabelledPoint) => shortened(label), ...where, className: 'labels' },
        ),
      ),
    ],
  };
  return html`${legend(groups)}${draw(options, chart.alt)}`;
}

const textAt: Readonly<Record<Side, { dx?: number; dy?: number; textAnchor: 'start' | 'middle' | 'end' }>> = {
  right: { dx: 7, textAnchor: 'start' },
  left: { dx: -7, textAnchor: 'end' },
  above: { dy: -12, textAnchor: 'middle' },
  below: { dy: 13, textAnchor: 'middle' },
};

/** The range of values with a little room around it. */
function padded(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = (high - low) * 0.06 || 1;
  return [low - room, high + room];
}

function share(value: number, [low, high]: readonly [number, number]): number {
  return (value - low) / (high - low);
}
