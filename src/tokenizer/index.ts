export { openTokenizer } from './tokenizer.ts';
export { trainTokenizer } from './train.ts';
export type { ChatMessage, ChatOptions, SpecialIds, TextStream, Tokenizer } from './types.ts';
