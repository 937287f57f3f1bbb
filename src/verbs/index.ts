import type { VerbEntry } from '../options/index.ts';

const entry = (name: string, summary: string, load: VerbEntry['load']): VerbEntry => ({ name, summary, load });

/** Every verb, in the order of the help. A verb is imported only when it is called. */
export const verbs: readonly VerbEntry[] = [
  entry('generate', 'generate text from a prompt', () => import('./generate.ts')),
  entry('chat', 'chat in the terminal', () => import('./chat.ts')),
  entry('serve', 'serve models over an OpenAI-compatible HTTP API', () => import('./serve.ts')),
  entry('train', 'train an adapter or all weights of a model', () => import('./train.ts')),
  entry('eva', 'initialise LoRA from the principal directions of the activations (EVA)', () => import('./eva.ts')),
  entry('inspect', 'show the architecture, tensors and memory needs of a model', () => import('./inspect.ts')),
  entry('convert', 'convert a model to another file format or data type', () => import('./convert.ts')),
  entry('quantize', 'quantize a model to GGUF, vLLM formats, or decoded weights', () => import('./quantize.ts')),
  entry('merge', 'merge LoRA into the weights of a model', () => import('./merge.ts')),
  entry(
    'mosp',
    'prune a model for several objectives: a Pareto front of equally sparse models',
    () => import('./mosp.ts'),
  ),
  entry(
    'mosp materialise',
    'write the model of a front for given objective weights',
    () => import('./mosp-materialise.ts'),
  ),
  entry('mosp front', 'write the HTML page of a front', () => import('./mosp-front.ts')),
  entry('prune', 'prune a model by magnitude, Wanda, SparseGPT or ALPS', () => import('./prune.ts')),
  entry('e3-prune', 'drop layers by a learned mask, then recover quality by training', () => import('./e3-prune.ts')),
  entry(
    'adapter check',
    'check the ranks and scales of an adapter in PEFT, vLLM and llama.cpp',
    () => import('./adapter-check.ts'),
  ),
  entry(
    'adapter export',
    'export LoRA with one rank and scale for other programs, or as GGUF',
    () => import('./adapter-export.ts'),
  ),
  entry('score', 'compute the log-probability of every token of texts', () => import('./score.ts')),
  entry('perplexity', 'measure the perplexity of a model on a text file', () => import('./perplexity.ts')),
  entry('evaluate', 'measure accuracy on a task, with a confidence interval', () => import('./evaluate.ts')),
  entry(
    'compare',
    'compare models with a reference: likelihood, KL divergence, size, speed',
    () => import('./compare.ts'),
  ),
  entry(
    'lens',
    'find concept and token heads, and do vector arithmetic through their lenses',
    () => import('./lens.ts'),
  ),
  entry('lens apply', 'do vector arithmetic on words through a lens', () => import('./lens-apply.ts')),
  entry('culture check', 'check the quality of answers before scoring them', () => import('./culture-check.ts')),
  entry(
    'culture score',
    'score the cultural expressiveness of answers against human references',
    () => import('./culture-score.ts'),
  ),
  entry('culture train', 'fine-tune on human answers and score held-out questions', () => import('./culture-train.ts')),
  entry('culture report', 'write tests, intervals and a page from scores', () => import('./culture-report.ts')),
  entry(
    'route simulate',
    'write a log of simulated questions with a known optimum',
    () => import('./route-simulate.ts'),
  ),
  entry(
    'route log',
    'run questions through the base and guide models, as data for a policy',
    () => import('./route-log.ts'),
  ),
  entry('route train', 'train a policy on logged questions', () => import('./route-train.ts')),
  entry(
    'route calibrate',
    'calibrate the threshold of a policy for a certified coverage',
    () => import('./route-calibrate.ts'),
  ),
  entry(
    'route evaluate',
    'measure cost and coverage of a policy and of baselines',
    () => import('./route-evaluate.ts'),
  ),
  entry('route explain', 'explain the decisions of a policy', () => import('./route-explain.ts')),
  entry('route serve', 'serve a policy over an OpenAI-compatible HTTP API', () => import('./route-serve.ts')),
  entry('route audit', 'estimate coverage from audited decisions and detect drift', () => import('./route-audit.ts')),
  entry('tokenize', 'convert between text and token ids', () => import('./tokenize.ts')),
  entry('world', 'generate the synthetic world that cria-tiny is trained on', () => import('./world.ts')),
  entry('schema', 'print the JSON Schema of arguments and options', () => import('./schema.ts')),
  entry('tour', 'tour the features of cria on the bundled model', () => import('./tour.ts')),
  entry('pull', 'download a checkpoint from a hub, with resume and checksums', () => import('./pull.ts')),
];
