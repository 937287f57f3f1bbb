import type { VerbEntry } from '../options/index.ts';

/** Every verb, in the order of the help. A verb is imported only when it is called. */
export const verbs: readonly VerbEntry[] = [
  { name: 'generate', summary: 'continue a text, or answer a question', load: () => import('./generate.ts') },
  { name: 'chat', summary: 'a conversation on the terminal', load: () => import('./chat.ts') },
  {
    name: 'train',
    summary: 'train an adapter for a model, or the model',
    load: () => import('./train.ts'),
  },
  {
    name: 'eva',
    summary: 'start an adapter along what the data makes vary most',
    load: () => import('./eva.ts'),
  },
  {
    name: 'inspect',
    summary: 'what a model is, and the memory that it needs',
    load: () => import('./inspect.ts'),
  },
  {
    name: 'convert',
    summary: 'a model in another format or in other types',
    load: () => import('./convert.ts'),
  },
  {
    name: 'quantize',
    summary: 'a model in fewer bits, as GGUF, a container of vLLM, or simulated',
    load: () => import('./quantize.ts'),
  },
  { name: 'merge', summary: 'an adapter folded into the weights', load: () => import('./merge.ts') },
  {
    name: 'adapter check',
    summary: 'the ranks and scales of an adapter, as PEFT, vLLM and llama.cpp take them',
    load: () => import('./adapter-check.ts'),
  },
  {
    name: 'adapter export',
    summary: 'an adapter that every program scales alike: ranks padded, or for llama.cpp',
    load: () => import('./adapter-export.ts'),
  },
  {
    name: 'score',
    summary: 'log-probabilities of the tokens of texts',
    load: () => import('./score.ts'),
  },
  {
    name: 'perplexity',
    summary: 'how well a model predicts a text file',
    load: () => import('./perplexity.ts'),
  },
  {
    name: 'evaluate',
    summary: 'the accuracy of a model on a task, with a confidence interval',
    load: () => import('./evaluate.ts'),
  },
  {
    name: 'compare',
    summary: 'models beside a reference on one text: likelihood, divergence, size, speed',
    load: () => import('./compare.ts'),
  },
  {
    name: 'lens',
    summary: 'concept and token heads, their lenses, and arithmetic with words',
    load: () => import('./lens.ts'),
  },
  {
    name: 'lens apply',
    summary: 'arithmetic with words through the lenses of a model',
    load: () => import('./lens-apply.ts'),
  },
  {
    name: 'culture check',
    summary: 'the quality of answers to questions about Latin American life, before any score',
    load: () => import('./culture-check.ts'),
  },
  {
    name: 'culture score',
    summary: 'cultural expressiveness of answers, held against what people answer',
    load: () => import('./culture-score.ts'),
  },
  {
    name: 'culture train',
    summary: 'fine-tuning on answers of people, measured on questions that were held out',
    load: () => import('./culture-train.ts'),
  },
  {
    name: 'culture report',
    summary: 'tests, intervals and a page from scores',
    load: () => import('./culture-report.ts'),
  },
  {
    name: 'route simulate',
    summary: 'a log of simulated questions with the optimum that it allows',
    load: () => import('./route-simulate.ts'),
  },
  { name: 'route train', summary: 'a routing policy from logged questions', load: () => import('./route-train.ts') },
  {
    name: 'route calibrate',
    summary: 'the threshold of a policy that certifies its coverage',
    load: () => import('./route-calibrate.ts'),
  },
  {
    name: 'route evaluate',
    summary: 'cost and coverage of a policy beside every baseline',
    load: () => import('./route-evaluate.ts'),
  },
  { name: 'route explain', summary: 'what a policy sends where, and why', load: () => import('./route-explain.ts') },
  {
    name: 'route audit',
    summary: 'what audited decisions say of the coverage, with a drift alarm',
    load: () => import('./route-audit.ts'),
  },
  { name: 'tokenize', summary: 'text to token ids, and back', load: () => import('./tokenize.ts') },
  {
    name: 'world',
    summary: 'the synthetic world that cria-tiny is trained on: rows, held-out tasks, a tokenizer',
    load: () => import('./world.ts'),
  },
  { name: 'schema', summary: 'the JSON Schema of arguments and options', load: () => import('./schema.ts') },
  {
    name: 'tour',
    summary: 'what cria does, shown on the model that ships with it',
    load: () => import('./tour.ts'),
  },
  {
    name: 'pull',
    summary: 'bring a checkpoint from a hub, resumable and checked',
    load: () => import('./pull.ts'),
  },
];
