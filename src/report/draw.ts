import type { PlotOptions } from '@observablehq/plot';
import { html, Markup, visible } from './markup.ts';

export type Plot = typeof import('@observablehq/plot');

/** What figures are drawn with. */
export interface Canvas {
  readonly plot: Plot;
  /** The figure as SVG, with `alt` for who cannot see it. */
  draw(options: PlotOptions, alt: string): Markup;
}

/** A canvas without a browser. Loads the plotting library, which takes a quarter of a second. */
export async function openCanvas(): Promise<Canvas> {
  const [plot, { parseHTML }] = await Promise.all([import('@observablehq/plot'), import('linkedom')]);
  const { document } = parseHTML('<!doctype html><html></html>');
  return {
    plot,
    draw(options, alt) {
      const svg = plot.plot({ ...common, ...options, document });
      svg.setAttribute('role', 'img');
      svg.setAttribute('aria-label', html`${alt}`.text); // linkedom escapes quotes only
      // Escaped already; the line ends are those of tooltips and of the style.
      return new Markup(svg.outerHTML.split('\n').map(visible).join('\n'));
    },
  };
}

/** The width of a figure that fills the page. */
export const fullWidth = 812;

const common: PlotOptions = { className: 'plot', width: fullWidth };

/** What stands in the place of a figure without a finite number. */
export const nothing = html`<p>There is nothing to draw.</p>`;

/** Every axis: its name in the middle, no ticks but their labels. */
export const axisStyle = { labelAnchor: 'center', labelArrow: 'none', tickSize: 0 } as const;

/** About how wide a text is in a figure, in pixels. */
export function widthOf(text: string): number {
  return [...text].reduce((width, character) => width + (character >= '\u1100' ? 12.5 : 6.7), 0);
}

/** The room, in pixels, that the longest of these labels needs at the side of a figure. */
export function roomFor(labels: readonly string[]): number {
  return Math.max(0, ...labels.map(widthOf)) + 14;
}
