import { figure } from '../base/index.ts';
import { html, type Markup } from './markup.ts';
import type { Cell, Column, Table } from './types.ts';

const proseLength = 24; // characters: longer text gets a column that it can be read in

/** A table whose numbers stand under each other; the best of a column is marked. */
export function table({ title, columns, rows }: Table): Markup {
  const isNumeric = columns.map((_, c) => rows.some((row) => numberIn(row[c] ?? null) !== undefined));
  const kinds = columns.map((_, c) => {
    if (isNumeric[c]) return html` class="number"`;
    const isProse = rows.some((row) => typeof row[c] === 'string' && row[c].length > proseLength);
    return isProse ? html` class="prose"` : html``;
  });
  const best = columns.map((column, c) =>
    bestOf(
      column,
      rows.map((row) => row[c] ?? null),
    ),
  );
  const head = columns.map(({ label }, c) => html`<th scope="col"${kinds[c] as Markup}>${label}</th>`);
  const body = rows.map((row) => {
    const [name = null, ...cells] = row;
    const data = cells.map((cell, i) => {
      const isBest = best[i + 1] !== undefined && numberIn(cell) === best[i + 1];
      const shown = isBest ? html`<strong>${content(cell)}<span class="unseen"> (best)</span></strong>` : content(cell);
      return html`<td${kinds[i + 1] as Markup}>${shown}</td>`;
    });
    return html`<tr><th scope="row"${kinds[0] as Markup}>${content(name)}</th>${data}</tr>\n`;
  });
  return html`<div class="table" role="region" aria-label="${title}" tabindex="0"><table>
<caption>${title}</caption>
<thead><tr>${head}</tr></thead>
<tbody>
${body}</tbody>
</table></div>`;
}

function content(cell: Cell): Markup {
  if (cell === null) return html`–`;
  if (typeof cell === 'string') return html`${cell}`;
  if (typeof cell === 'number') return html`${figure(cell)}`;
  return html`${figure(cell.value)} <small>${figure(cell.low)} to ${figure(cell.high)}</small>`;
}

function numberIn(cell: Cell): number | undefined {
  if (cell === null || typeof cell === 'string') return undefined;
  return typeof cell === 'number' ? cell : cell.value;
}

/** The best number of a column, where its column says what is good and not all are equal. */
function bestOf({ better }: Column, cells: readonly Cell[]): number | undefined {
  const numbers = cells.map(numberIn).filter((value) => value !== undefined && Number.isFinite(value)) as number[];
  if (!better || new Set(numbers).size < 2) return undefined;
  return numbers.reduce((best, value) => (better === 'higher' ? Math.max(best, value) : Math.min(best, value)));
}
