import type { VerbEntry } from './verb.ts';

/** Every verb, in the order of the help. A verb is imported only when it is called. */
export const verbs: readonly VerbEntry[] = [
  {
    name: 'inspect',
    summary: 'what a model is: architecture, tensors, sizes, tokenizer',
    load: () => import('./verbs/inspect.ts'),
  },
  { name: 'tokenize', summary: 'text to token ids, and back', load: () => import('./verbs/tokenize.ts') },
  {
    name: 'pull',
    summary: 'bring a checkpoint from a hub, resumable and checked',
    load: () => import('./verbs/pull.ts'),
  },
];
