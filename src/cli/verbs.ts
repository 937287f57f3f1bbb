import type { VerbEntry } from './verb.ts';

/** Every verb, in the order of the help. A verb is imported only when it is called. */
export const verbs: readonly VerbEntry[] = [
  { name: 'generate', summary: 'continue a text, or answer a question', load: () => import('./verbs/generate.ts') },
  { name: 'chat', summary: 'a conversation on the terminal', load: () => import('./verbs/chat.ts') },
  {
    name: 'train',
    summary: 'train an adapter for a model, or the model',
    load: () => import('./verbs/train.ts'),
  },
  {
    name: 'eva',
    summary: 'start an adapter along what the data makes vary most',
    load: () => import('./verbs/eva.ts'),
  },
  {
    name: 'inspect',
    summary: 'what a model is, and the memory that it needs',
    load: () => import('./verbs/inspect.ts'),
  },
  {
    name: 'convert',
    summary: 'a model in another format or in other types',
    load: () => import('./verbs/convert.ts'),
  },
  { name: 'merge', summary: 'an adapter folded into the weights', load: () => import('./verbs/merge.ts') },
  {
    name: 'adapter check',
    summary: 'the ranks and scales of an adapter, as PEFT, vLLM and llama.cpp take them',
    load: () => import('./verbs/adapter-check.ts'),
  },
  {
    name: 'adapter export',
    summary: 'an adapter that every program scales alike: ranks padded, or for llama.cpp',
    load: () => import('./verbs/adapter-export.ts'),
  },
  {
    name: 'score',
    summary: 'log-probabilities of the tokens of texts',
    load: () => import('./verbs/score.ts'),
  },
  {
    name: 'perplexity',
    summary: 'how well a model predicts a text file',
    load: () => import('./verbs/perplexity.ts'),
  },
  {
    name: 'evaluate',
    summary: 'the accuracy of a model on a task, with a confidence interval',
    load: () => import('./verbs/evaluate.ts'),
  },
  {
    name: 'lens',
    summary: 'concept and token heads, their lenses, and arithmetic with words',
    load: () => import('./verbs/lens.ts'),
  },
  {
    name: 'lens apply',
    summary: 'arithmetic with words through the lenses of a model',
    load: () => import('./verbs/lens-apply.ts'),
  },
  { name: 'tokenize', summary: 'text to token ids, and back', load: () => import('./verbs/tokenize.ts') },
  {
    name: 'world',
    summary: 'the synthetic world that cria-tiny is trained on: rows, held-out tasks, a tokenizer',
    load: () => import('./verbs/world.ts'),
  },
  {
    name: 'tour',
    summary: 'what cria does, shown on the model that ships with it',
    load: () => import('./verbs/tour.ts'),
  },
  {
    name: 'pull',
    summary: 'bring a checkpoint from a hub, resumable and checked',
    load: () => import('./verbs/pull.ts'),
  },
];
