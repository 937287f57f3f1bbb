import { widthOf } from './draw.ts';
import { html, type Markup } from './markup.ts';

const count = 8; // the page's style has --series-0 to --series-7, for light and dark

/** The color of the i-th series. */
export function seriesColor(i: number): string {
  return `var(--series-${i % count})`;
}

/** Strokes of series that share a color differ by their dashes. */
export function seriesDash(i: number): string | undefined {
  return i < count ? undefined : '6 3';
}

/** The list that tells which color is which series; nothing where there is one alone. */
export function legend(names: readonly string[]): Markup {
  if (names.length < 2) return html``;
  const items = names.map((name, i) => html`<li><i style="background:${seriesColor(i)}"></i>${name}</li>`);
  return html`<ul class="legend">${items}</ul>`;
}

/** The same list in one line of a picture, 36 pixels high. */
export function legendPicture(names: readonly string[]): Markup {
  let x = 66; // where the plot begins
  const items = names.map((name, i) => {
    const item = html`<rect x="${x}" y="13" width="11" height="11" rx="3" style="fill:${seriesColor(i)}"/><text x="${x + 18}" y="23" fill="currentColor">${name}</text>`;
    x += 42 + widthOf(name);
    return item;
  });
  return html`<g>${items}</g>`;
}

/** The color of a value in [-1, 1] on a diverging scale, in [0, 1] on a sequential one. */
export function heatColor(share: number): string {
  const end = share < 0 ? 'var(--heat-low)' : 'var(--heat-high)';
  return `color-mix(in oklab, ${end} ${(Math.abs(share) * 100).toFixed(1)}%, var(--heat-zero))`;
}

/** The color of a text that stands on `heatColor(share)`. */
export function inkOn(share: number): string {
  return Math.abs(share) > 0.5 ? 'var(--on-heat)' : 'var(--ink)';
}
