import { writeFileAtomically } from '../base/index.ts';
import { bars } from './bars.ts';
import { type Canvas, openCanvas } from './draw.ts';
import { heat, heatPicture } from './heat.ts';
import { lines, linesPicture } from './lines.ts';
import { html, Markup } from './markup.ts';
import { scatter } from './scatter.ts';
import { pictureStyle, style } from './style.ts';
import { table } from './table.ts';
import type { Page, Part } from './types.ts';

/**
 * The page as one HTML text: no script, nothing from elsewhere, every text escaped. The same page gives the same text.
 */
export async function page({ title, summary, sections }: Page): Promise<string> {
  const canvas = await openCanvas();
  const body = sections.map(
    (section) => html`<section>
<h2>${section.title}</h2>
${section.parts.map((part) => html`${render(part, canvas)}\n`)}</section>
`,
  );
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${new Markup(style)}</style>
</head>
<body>
<main>
<header>
<h1>${title}</h1>
<p class="summary">${summary}</p>
</header>
${body}</main>
</body>
</html>
`.text;
}

/** Writes a page to `path`. @throws CriaError when it cannot be written. */
export async function writePage(path: string, content: Page): Promise<void> {
  const text = await page(content);
  await writeFileAtomically(path, (append) => append(new TextEncoder().encode(text)));
}

/** A figure as an SVG text by itself, which a page of Markdown can show: it is light or dark as the reader's screen is. */
export async function picture(part: Exclude<Part, { kind: 'prose' | 'table' }>): Promise<string> {
  const canvas = await openCanvas();
  const { text } = pictured(part, canvas);
  const svg = text.slice(text.indexOf('<svg'), text.lastIndexOf('</svg>') + '</svg>'.length);
  return svg.replace('<svg', '<svg xmlns="http://www.w3.org/2000/svg"').replace('>', `><style>${pictureStyle}</style>`);
}

function render(part: Part, canvas: Canvas): Markup {
  if (part.kind === 'prose') return html`${part.text.split(/\n\s*\n/).map((text) => html`<p>${text.trim()}</p>`)}`;
  if (part.kind === 'table') return table(part);
  return html`<figure><figcaption>${part.title}</figcaption>
${drawn(part, canvas)}</figure>`;
}

/** What stands around a figure in a page is drawn into it. */
function pictured(part: Parameters<typeof drawn>[0], canvas: Canvas): Markup {
  if (part.kind === 'heat') return heatPicture(part, canvas);
  return part.kind === 'lines' ? linesPicture(part, canvas) : drawn(part, canvas);
}

function drawn(part: Exclude<Part, { kind: 'prose' | 'table' }>, canvas: Canvas): Markup {
  switch (part.kind) {
    case 'lines':
      return lines(part, canvas);
    case 'bars':
      return bars(part, canvas);
    case 'heat':
      return heat(part, canvas);
    case 'scatter':
      return scatter(part, canvas);
  }
}
