export { openTokenizer } from './tokenizer.ts';
export type { ChatMessage, SpecialIds, TextStream, Tokenizer } from './types.ts';
