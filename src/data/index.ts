export { linesOf } from './lines.ts';
export { type Columns, columnsFrom, type Row, readRows, textIn } from './rows.ts';
export { readTable, type Table } from './table.ts';
export { readJson, readText } from './text.ts';
