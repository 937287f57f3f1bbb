export { type Conversation, conversationFrom } from './conversation.ts';
export { linesOf } from './lines.ts';
export { type Columns, columnsFrom, isAbsent, type Row, readRows, textIn } from './rows.ts';
export { readTable, type Table } from './table.ts';
export { gap, readExactJson, readJson, readText } from './text.ts';
