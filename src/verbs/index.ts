import type { VerbEntry } from '../options/index.ts';

/** Every verb, in the order of the help. A verb is imported only when it is called. */
export const verbs: readonly VerbEntry[] = [
  { name: 'generate', summary: 'generate text from a prompt', load: () => import('./generate.ts') },
  { name: 'chat', summary: 'chat in the terminal', load: () => import('./chat.ts') },
  { name: 'serve', summary: 'serve models over an OpenAI-compatible HTTP API', load: () => import('./serve.ts') },
  {
    name: 'train',
    summary: 'train an adapter or all weights of a model',
    load: () => import('./train.ts'),
  },
  {
    name: 'eva',
    summary: 'initialise LoRA from the principal directions of the activations (EVA)',
    load: () => import('./eva.ts'),
  },
  {
    name: 'inspect',
    summary: 'show the architecture, tensors and memory needs of a model',
    load: () => import('./inspect.ts'),
  },
  {
    name: 'convert',
    summary: 'convert a model to another file format or data type',
    load: () => import('./convert.ts'),
  },
  {
    name: 'quantize',
    summary: 'quantize a model to GGUF, vLLM formats, or decoded weights',
    load: () => import('./quantize.ts'),
  },
  { name: 'merge', summary: 'merge LoRA into the weights of a model', load: () => import('./merge.ts') },
  {
    name: 'mosp',
    summary: 'prune a model for several objectives: a Pareto front of equally sparse models',
    load: () => import('./mosp.ts'),
  },
  {
    name: 'mosp materialise',
    summary: 'write the model of a front for given objective weights',
    load: () => import('./mosp-materialise.ts'),
  },
  { name: 'mosp front', summary: 'write the HTML page of a front', load: () => import('./mosp-front.ts') },
  {
    name: 'prune',
    summary: 'prune a model by magnitude, Wanda, SparseGPT or ALPS',
    load: () => import('./prune.ts'),
  },
  {
    name: 'e3-prune',
    summary: 'drop layers by a learned mask, then recover quality by training',
    load: () => import('./e3-prune.ts'),
  },
  {
    name: 'adapter check',
    summary: 'check the ranks and scales of an adapter in PEFT, vLLM and llama.cpp',
    load: () => import('./adapter-check.ts'),
  },
  {
    name: 'adapter export',
    summary: 'export LoRA with one rank and scale for other programs, or as GGUF',
    load: () => import('./adapter-export.ts'),
  },
  {
    name: 'score',
    summary: 'compute the log-probability of every token of texts',
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
    summary: 'compare models with a reference: likelihood, KL divergence, size, speed',
    load: () => import('./compare.ts'),
  },
  {
    name: 'lens',
    summary: 'find concept and token heads, and do vector arithmetic through their lenses',
    load: () => import('./lens.ts'),
  },
  {
    name: 'lens apply',
    summary: 'do vector arithmetic on words through a lens',
    load: () => import('./lens-apply.ts'),
  },
  {
    name: 'culture check',
    summary: 'check the quality of answers before scoring them',
    load: () => import('./culture-check.ts'),
  },
  {
    name: 'culture score',
    summary: 'score the cultural expressiveness of answers against human references',
    load: () => import('./culture-score.ts'),
  },
  {
    name: 'culture train',
    summary: 'fine-tune on human answers and score held-out questions',
    load: () => import('./culture-train.ts'),
  },
  {
    name: 'culture report',
    summary: 'write tests, intervals and a page from scores',
    load: () => import('./culture-report.ts'),
  },
  {
    name: 'route simulate',
    summary: 'write a log of simulated questions with a known optimum',
    load: () => import('./route-simulate.ts'),
  },
  {
    name: 'route log',
    summary: 'run questions through the base and guide models, as data for a policy',
    load: () => import('./route-log.ts'),
  },
  { name: 'route train', summary: 'train a policy on logged questions', load: () => import('./route-train.ts') },
  {
    name: 'route calibrate',
    summary: 'calibrate the threshold of a policy for a certified coverage',
    load: () => import('./route-calibrate.ts'),
  },
  {
    name: 'route evaluate',
    summary: 'measure cost and coverage of a policy and of baselines',
    load: () => import('./route-evaluate.ts'),
  },
  { name: 'route explain', summary: 'explain the decisions of a policy', load: () => import('./route-explain.ts') },
  {
    name: 'route serve',
    summary: 'serve a policy over an OpenAI-compatible HTTP API',
    load: () => import('./route-serve.ts'),
  },
  {
    name: 'route audit',
    summary: 'estimate coverage from audited decisions and detect drift',
    load: () => import('./route-audit.ts'),
  },
  { name: 'tokenize', summary: 'convert between text and token ids', load: () => import('./tokenize.ts') },
  {
    name: 'world',
    summary: 'generate the synthetic world that cria-tiny is trained on',
    load: () => import('./world.ts'),
  },
  { name: 'schema', summary: 'print the JSON Schema of arguments and options', load: () => import('./schema.ts') },
  {
    name: 'tour',
    summary: 'tour the features of cria on the bundled model',
    load: () => import('./tour.ts'),
  },
  {
    name: 'pull',
    summary: 'download a checkpoint from a hub, with resume and checksums',
    load: () => import('./pull.ts'),
  },
];
