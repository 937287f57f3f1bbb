import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseHTML } from 'linkedom';
import { expect, test } from 'vitest';
import { type HeatMaps, type Part, page, picture, writePage } from './index.ts';

const hostile = `<img src=x onerror="alert(1)"> & 'q' \u202e\n`;

async function read(...parts: Part[]) {
  const text = await page({ title: hostile, summary: hostile, sections: [{ title: hostile, parts }] });
  return { text, document: parseHTML(text).document };
}

type Read = Awaited<ReturnType<typeof read>>;

/** The texts of what a selector finds. */
const texts = ({ document }: Read, selector: string): string[] =>
  [...document.querySelectorAll(selector)].map((element) => element.textContent ?? '');

/** The shapes of one part of a figure. */
const named = (part: string, shape: string) => `:is(.${part}, [aria-label="${part}"]) > ${shape}`;

const everyKind: readonly Part[] = [
  { kind: 'prose', text: hostile },
  { kind: 'table', title: hostile, columns: [{ label: hostile }, { label: hostile }], rows: [[hostile, hostile]] },
  {
    kind: 'lines',
    title: hostile,
    alt: hostile,
    x: { label: hostile },
    y: { label: hostile },
    series: [1, 2].map((x) => ({ name: hostile, points: [{ x, y: 1 }] })),
  },
  {
    kind: 'bars',
    title: hostile,
    alt: hostile,
    x: hostile,
    bars: [hostile, 'b'].map((series) => ({ label: hostile, value: 1, series })),
  },
  {
    kind: 'heat',
    title: hostile,
    alt: hostile,
    value: hostile,
    scale: 'diverging',
    rows: hostile,
    columns: hostile,
    maps: [{ title: hostile, rows: [hostile], columns: [hostile], values: [[1]] }],
  },
  { kind: 'scatter', title: hostile, alt: hostile, x: hostile, y: hostile, points: [{ label: hostile, x: 1, y: 1 }] },
];

test.each(everyKind)('hostile names and tokens stand in $kind as the text that they are', async (part) => {
  const { text, document } = await read(part);
  expect([...document.querySelectorAll('img, script, [onerror], [src], [href]')]).toEqual([]);
  expect(document.body.textContent).toContain(`<img src=x onerror="alert(1)`);
  expect(text).not.toContain('\u202e');
});

test('a page has its title, its summary and a heading for each section, and brings all that it needs', async () => {
  const text = await page({ title: 'A < B', summary: 'Both.', sections: [{ title: 'One', parts: [] }] });
  const { document } = parseHTML(text);
  expect(document.title).toBe('A < B');
  expect(document.querySelector('h1')?.textContent).toBe('A < B');
  expect(document.querySelector('.summary')?.textContent).toBe('Both.');
  expect([...document.querySelectorAll('h2')].map((heading) => heading.textContent)).toEqual(['One']);
  expect(document.querySelector('[http-equiv="Content-Security-Policy"]')?.getAttribute('content')).toContain(
    "default-src 'none'",
  );
  expect(text).not.toMatch(/url\(|@import/);
});

test('every figure has a caption, and its description where pictures are told', async () => {
  const found = await read(...everyKind);
  const pictures = [...found.document.querySelectorAll('figure svg')];
  expect(pictures).toHaveLength(4);
  for (const picture of pictures) {
    expect(picture.getAttribute('role')).toBe('img');
    expect(picture.getAttribute('aria-label')).toContain('<img src=x');
  }
  expect(found.document.querySelectorAll('figure figcaption')).toHaveLength(4);
});

test('paragraphs are parted where a line is empty', async () => {
  expect(texts(await read({ kind: 'prose', text: 'a b\n\nc' }), 'section p')).toEqual(['a b', 'c']);
});

test('a table shows three digits, intervals, gaps, and marks the best of the columns that have one', async () => {
  const found = await read({
    kind: 'table',
    title: 'T',
    columns: [
      { label: 'model' },
      { label: 'loss', better: 'lower' },
      { label: 'hits', better: 'higher' },
      { label: 'n' },
    ],
    rows: [
      ['a', { value: 1.23456, low: 1.1, high: 1.3 }, 0.5, 1],
      ['b', 1.5, 0.75, 134515008],
      ['c', null, 0.75, Number.NaN],
    ],
  });
  expect(texts(found, 'tbody th')).toEqual(['a', 'b', 'c']);
  expect(texts(found, 'td')).toEqual([
    ...['1.23 1.1 to 1.3 (best)', '0.5', '1'],
    ...['1.5', '0.75 (best)', '134515008'],
    ...['–', '0.75 (best)', 'NaN'],
  ]);
  expect(found.document.querySelectorAll('td.number')).toHaveLength(9);
});

test('nothing is best where all are equal, or in a column of texts', async () => {
  const columns = [{ label: '' }, { label: 'x', better: 'higher' }, { label: 'y', better: 'higher' }] as const;
  const found = await read({ kind: 'table', title: '', columns, rows: [1, 2].map((row) => [row, 7, 'z']) });
  expect(found.document.querySelectorAll('strong')).toHaveLength(0);
  expect(found.document.querySelectorAll('td.number')).toHaveLength(2);
});

test('bars are as long as their values, from zero, with their numbers, intervals and labels', async () => {
  const found = await read({
    kind: 'bars',
    title: '',
    alt: '',
    x: 'accuracy',
    bars: [
      { label: 'a', value: 0.5, low: 0.4, high: 0.6 },
      { label: 'b', value: 0.25 },
      { label: 'c', value: -0.25 },
      { label: 'lost', value: Number.NaN },
    ],
  });
  const bars = [...found.document.querySelectorAll(named('bars', 'rect'))];
  const [a = 0, b = 0, c = 0] = bars.map((bar) => Number(bar.getAttribute('width')));
  expect(bars).toHaveLength(3);
  expect(a / b).toBeCloseTo(2);
  expect(c).toBeCloseTo(b);
  expect(bars.map((bar) => Number(bar.getAttribute('y')))).toEqual(
    bars.map((bar) => Number(bar.getAttribute('y'))).sort((x, y) => x - y),
  );
  expect(texts(found, named('numbers', 'text'))).toEqual(['0.5', '0.25', '-0.25']);
  expect(found.document.querySelectorAll(named('intervals', 'line'))).toHaveLength(1);
  expect(texts(found, named('labels', 'text')).map((label) => label[0])).toEqual(['a', 'b', 'c']);
  expect(found.document.querySelector('.legend')).toBeNull();
});

test('bars of several series have a legend, and a color for each of them', async () => {
  const bars = ['x', 'y'].flatMap((label) => ['raw', 'lens'].map((series) => ({ label, series, value: 1 })));
  const found = await read({ kind: 'bars', title: '', alt: '', x: '', bars });
  expect(texts(found, '.legend li')).toEqual(['raw', 'lens']);
  const colors = [...found.document.querySelectorAll(named('bars', 'rect'))].map((bar) => bar.getAttribute('fill'));
  expect(colors).toEqual(['var(--series-0)', 'var(--series-1)', 'var(--series-0)', 'var(--series-1)']);
  expect(texts(found, named('labels', 'text'))).toHaveLength(2);
});

test('a line goes through its points, with a band where intervals are known, and breaks where y is not finite', async () => {
  const points = [1, 2, 3, 4].map((x) => ({ x, y: x === 3 ? Number.NaN : x, low: x - 1, high: x + 1 }));
  const found = await read({
    kind: 'lines',
    title: '',
    alt: '',
    x: { label: 'step' },
    y: { label: 'loss' },
    series: [
      { name: 'a', points },
      { name: 'b', points: [{ x: 1, y: 2 }] },
    ],
  });
  const line = found.document.querySelector(named('line', 'path'))?.getAttribute('d') ?? '';
  expect(line.match(/M/g)).toHaveLength(2);
  expect(found.document.querySelectorAll(named('area', 'path'))).toHaveLength(1);
  expect(found.document.querySelectorAll(named('dot', 'circle'))).toHaveLength(4);
  expect(texts(found, '.legend li')).toEqual(['a', 'b']);
  expect(texts(found, named('x-axis label', 'text'))).toEqual(['step']);
});

test('on a logarithmic axis equal factors are equally far, each measured place is named, and zero has none', async () => {
  const points = [0, 512, 1024, 2048, 4096, 8192].map((x) => ({ x, y: 1 + x }));
  const found = await read({
    kind: 'lines',
    title: '',
    alt: '',
    x: { label: 'context', log: true },
    y: { label: '' },
    series: [{ name: '', points }],
  });
  const places = [...found.document.querySelectorAll(named('dot', 'circle'))].map((dot) =>
    Number(dot.getAttribute('cx')),
  );
  expect(places).toHaveLength(5);
  const steps = places.slice(1).map((x, i) => x - (places[i] as number));
  for (const step of steps) expect(step).toBeCloseTo(steps[0] as number);
  expect(texts(found, named('x-axis tick label', 'text'))).toEqual(['512', '1024', '2048', '4096', '8192']);
});

test('a line of very many points is drawn with few, and keeps its spikes', async () => {
  const points = Array.from({ length: 100_000 }, (_, x) => ({ x, y: x === 77_777 ? 9 : Math.sin(x) }));
  const found = await read({
    kind: 'lines',
    title: '',
    alt: '',
    x: { label: '' },
    y: { label: '' },
    series: [{ name: '', points }],
  });
  const line = found.document.querySelector(named('line', 'path'))?.getAttribute('d') ?? '';
  const heights = [...line.matchAll(/,([\d.]+)/g)].map(([, y]) => Number(y));
  expect(heights.length).toBeGreaterThan(700);
  expect(heights.length).toBeLessThanOrEqual(800);
  expect([...heights].sort((a, b) => a - b)[1]).toBeGreaterThan(3 * Math.min(...heights)); // one spike alone
});

test('maps stand side by side under one scale; a cell tells its row, column and value', async () => {
  const map = (title: string, values: number[][]) => ({ title, rows: ['0', '1'], columns: ['q', 'k'], values });
  const heat = {
    kind: 'heat',
    title: '',
    alt: '',
    value: 'score',
    rows: 'layer',
    columns: 'head',
    maps: [map('a', [[1, -2], [0, Number.NaN]]), map('b', [[4, 0.5], [1, 1]])], // biome-ignore format: matrices
  } as const;
  const found = await read({ ...heat, scale: 'diverging' });
  const cells = [...found.document.querySelectorAll(named('cells', 'rect'))];
  expect(cells).toHaveLength(7);
  expect(cells[1]?.querySelector('title')?.textContent).toBe('layer 0, head k\nscore -2');
  expect(cells.slice(0, 3).map((cell) => cell.getAttribute('fill'))).toEqual([
    'color-mix(in oklab, var(--heat-high) 25.0%, var(--heat-zero))',
    'color-mix(in oklab, var(--heat-low) 50.0%, var(--heat-zero))',
    'color-mix(in oklab, var(--heat-high) 0.0%, var(--heat-zero))',
  ]);
  expect(texts(found, 'h4')).toEqual(['a', 'b']);
  expect(texts(found, '.scale p span')).toEqual(['-4', '0', '4']);
  expect(texts(await read({ ...heat, scale: 'sequential' }), '.scale p span')).toEqual(['-2', '4']);
});

/** Two maps of layers and heads. */
function headMaps(layers: number, heads: number): HeatMaps {
  const names = (count: number) => Array.from({ length: count }, (_, i) => String(i));
  const values = names(layers).map((_, row) => names(heads).map((_, column) => (row - column) / 8));
  const map = (title: string) => ({ title, rows: names(layers), columns: names(heads), values });
  const words = { title: '', alt: 'Two <maps>', value: 'score', rows: 'layer', columns: 'head' };
  return { kind: 'heat', scale: 'diverging', ...words, maps: [map('concept & form'), map('token')] };
}

test.each([
  [30, 9],
  [32, 32],
])('two maps of %d layers and %d heads have room beside each other', async (layers, heads) => {
  const { document } = await read(headMaps(layers, heads));
  const widths = [...document.querySelectorAll('.maps svg')].map((svg) => Number(svg.getAttribute('width')));
  expect(widths).toHaveLength(2);
  expect((widths[0] as number) + (widths[1] as number) + 24).toBeLessThanOrEqual(812);
});

test('a picture of lines tells which color is which series, in one SVG', async () => {
  const series = ['first & only', 'second'].map((name, i) => ({
    name,
    points: [
      { x: 0, y: i },
      { x: 1, y: 2 * i },
    ],
  }));
  const chart = {
    kind: 'lines',
    title: 'T',
    alt: 'Two <lines>',
    x: { label: 'x' },
    y: { label: 'y' },
    series,
  } as const;
  const text = await picture(chart);
  expect(text).toContain('aria-label="Two &lt;lines&gt;"');
  expect(text).not.toMatch(/<(ul|li|i)\b/);
  const { document } = parseHTML(`<body>${text}</body>`);
  expect(document.querySelectorAll('svg svg')).toHaveLength(1);
  const told = [...document.querySelectorAll('body > svg > g > text')];
  expect(told.map(({ textContent }) => textContent)).toEqual(['first & only', 'second']);
  const [before, after] = told.map((each) => Number(each.getAttribute('x')));
  expect(after).toBeGreaterThan((before as number) + 60);
  const alone = await picture({ ...chart, series: series.slice(0, 1) });
  expect(parseHTML(`<body>${alone}</body>`).document.querySelectorAll('svg')).toHaveLength(1);
});

test('a picture of maps is one SVG with a title for each, and the scale', async () => {
  const text = await picture(headMaps(3, 2));
  expect(text).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="\d+" height="\d+" viewBox=/);
  expect(text).toContain('aria-label="Two &lt;maps&gt;"');
  expect(text).not.toMatch(/<(maps|div|p|span|h4)\b/);
  const { document } = parseHTML(`<body>${text}</body>`);
  const maps = [...document.querySelectorAll('svg svg')];
  expect(maps).toHaveLength(2);
  const [left, right] = maps.map((map) => ['x', 'width'].map((name) => Number(map.getAttribute(name))));
  expect(right?.[0]).toBeGreaterThan((left?.[0] as number) + (left?.[1] as number));
  const whole = Number(document.querySelector('svg')?.getAttribute('width'));
  expect(whole).toBeGreaterThan((right?.[0] as number) + (right?.[1] as number));
  const texts = [...document.querySelectorAll('svg text')].map(({ textContent }) => textContent);
  for (const told of ['concept & form', 'token', 'score', '-0.25', '0', '0.25']) expect(texts).toContain(told);
  expect(document.querySelectorAll('linearGradient stop')).toHaveLength(3);
});

test('words are points with their names in the colors of their groups', async () => {
  const points = [
    { label: 'Lima', x: 0, y: 0, group: 'capital' },
    { label: 'Perú', x: 1, y: 1, group: 'country' },
    { label: 'Quito', x: 2, y: 0, group: 'capital' },
  ];
  const found = await read({ kind: 'scatter', title: '', alt: '', x: 'first', y: 'second', points });
  const circles = [...found.document.querySelectorAll(named('points', 'circle'))];
  expect(circles.map((circle) => circle.getAttribute('fill'))).toEqual(
    [0, 1, 0].map((series) => `var(--series-${series})`),
  );
  expect(texts(found, named('labels', 'text')).sort()).toEqual(['Lima', 'Perú', 'Quito']);
  expect(texts(found, '.legend li')).toEqual(['capital', 'country']);
});

test.each<Part>([
  { kind: 'bars', title: '', alt: '', x: '', bars: [] },
  {
    kind: 'lines',
    title: '',
    alt: '',
    x: { label: '' },
    y: { label: '', log: true },
    series: [{ name: '', points: [{ x: 1, y: 0 }] }],
  },
  { kind: 'heat', title: '', alt: '', value: '', scale: 'sequential', rows: '', columns: '', maps: [] },
  { kind: 'scatter', title: '', alt: '', x: '', y: '', points: [{ label: '', x: Number.NaN, y: 1 }] },
])('$kind without a finite number say so', async (part) => {
  const { document, text } = await read(part);
  expect(document.querySelector('figure')?.textContent).toContain('There is nothing to draw.');
  expect(text).not.toMatch(/NaN|Infinity/);
});

test('one value alone is drawn at a place that is a number', async () => {
  const { text } = await read(...everyKind);
  expect(text).not.toMatch(/NaN|Infinity|undefined/);
});

test('a page is written whole, and the same page is the same bytes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cria-report-'));
  const content = { title: 'ñ', summary: '', sections: [{ title: '', parts: everyKind }] };
  await writePage(join(folder, 'report.html'), content);
  expect(readdirSync(folder)).toEqual(['report.html']);
  expect(readFileSync(join(folder, 'report.html'), 'utf8')).toBe(await page(content));
  rmSync(folder, { recursive: true });
});
