import type { VerbEntry } from '../options/index.ts';

/** Every verb, in the order of the help. A verb is imported only when it is called. */
export const verbs: readonly VerbEntry[] = [
  { name: 'generate', summary: 'continue a text, or answer a question', load: () => import('./generate.ts') },
  { name: 'chat', summary: 'chat on the terminal', load: () => import('./chat.ts') },
  { name: 'serve', summary: 'serve models over HTTP, behind the API of OpenAI', load: () => import('./serve.ts') },
  {
    name: 'train',
    summary: 'train an adapter for a model, or the model',
    load: () => import('./train.ts'),
  },
  {
    name: 'eva',
    summary: 'initialise LoRA from the principal directions of the activations (EVA)',
    load: () => import('./eva.ts'),
  },
  {
    name: 'inspect',
    summary: 'architecture, tensors and memory needs of a model',
    load: () => import('./inspect.ts'),
  },
  {
    name: 'convert',
    summary: 'convert a model to another format or type',
    load: () => import('./convert.ts'),
  },
  {
    name: 'quantize',
    summary: 'a model in fewer bits, as GGUF, a container of vLLM, or simulated',
    load: () => import('./quantize.ts'),
  },
  { name: 'merge', summary: 'fold an adapter into the weights', load: () => import('./merge.ts') },
  {
    name: 'mosp',
    summary: 'prune a model for several objectives at once: a front of equally sparse models',
    load: () => import('./mosp.ts'),
  },
  {
    name: 'mosp materialise',
    summary: 'the model of a front that weighs its objectives as asked',
    load: () => import('./mosp-materialise.ts'),
  },
  { name: 'mosp front', summary: 'the page of a front', load: () => import('./mosp-front.ts') },
  {
    name: 'prune',
    summary: 'prune a model once, by magnitude, Wanda, SparseGPT or ALPS',
    load: () => import('./prune.ts'),
  },
  {
    name: 'e3-prune',
    summary: 'a shallower model: layers dropped by a learned mask, then recovered',
    load: () => import('./e3-prune.ts'),
  },
  {
    name: 'adapter check',
    summary: 'check the ranks and scales of an adapter in PEFT, vLLM and llama.cpp',
    load: () => import('./adapter-check.ts'),
  },
  {
    name: 'adapter export',
    summary: 'export an adapter that every program scales alike: padded ranks, or GGUF',
    load: () => import('./adapter-export.ts'),
  },
  {
    name: 'score',
    summary: 'print the log-probability of every token of texts',
    load: () => import('./score.ts'),
  },
  {
    name: 'perplexity',
    summary: 'measure the perplexity of a model on a text file',
    load: () => import('./perplexity.ts'),
  },
  {
    name: 'evaluate',
    summary: 'measure accuracy on a task, with a confidence interval',
    load: () => import('./evaluate.ts'),
  },
  {
    name: 'compare',
    summary: 'models beside a reference on one text: likelihood, divergence, size, speed',
    load: () => import('./compare.ts'),
  },
  {
    name: 'lens',
    summary: 'find concept and token heads, and do arithmetic through their lenses',
    load: () => import('./lens.ts'),
  },
  {
    name: 'lens apply',
    summary: 'do arithmetic with words through saved lenses',
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
  {
    name: 'route log',
    summary: 'questions run through a base and a guide, to train and calibrate on',
    load: () => import('./route-log.ts'),
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
    name: 'route serve',
    summary: 'live questions through a policy, in the protocol of OpenAI',
    load: () => import('./route-serve.ts'),
  },
  {
    name: 'route audit',
    summary: 'what audited decisions say of the coverage, with a drift alarm',
    load: () => import('./route-audit.ts'),
  },
  { name: 'tokenize', summary: 'convert text to token ids, and back', load: () => import('./tokenize.ts') },
  {
    name: 'world',
    summary: 'generate the synthetic world that cria-tiny is trained on',
    load: () => import('./world.ts'),
  },
  { name: 'schema', summary: 'print the JSON Schema of arguments and options', load: () => import('./schema.ts') },
  {
    name: 'tour',
    summary: 'show what cria does, on the model that ships with it',
    load: () => import('./tour.ts'),
  },
  {
    name: 'pull',
    summary: 'download a checkpoint from a hub, resumable and checked',
    load: () => import('./pull.ts'),
  },
];
