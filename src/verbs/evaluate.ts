import { CriaError, figure, type Progress, type Watch } from '../base/index.ts';
import type { Accuracy, Asked } from '../evaluate/index.ts';
import type { LoadedModel } from '../model/index.ts';
import {
  adapterOption,
  choice,
  columnsOption,
  defineVerb,
  integer,
  modelArgument,
  text,
  weightsOption,
} from '../options/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import { withModel } from './shared/with-model.ts';

const metrics = ['accuracy', 'choice', 'match'] as const;

export const verb = defineVerb({
  arguments: { model: modelArgument },
  options: {
    task: text('the questions: .jsonl, .json or .csv', { placeholder: 'file' }),
    metric: choice(metrics, 'how answers are scored: see docs/evaluate.md', 'accuracy'),
    shots: integer('few-shot examples before each question, drawn from the task', { default: 0, min: 0, max: 1000 }),
    limit: integer('maximum number of questions (default: all)', { min: 1 }),
    maxTokens: integer('with --metric match: maximum tokens of an answer', { default: 32, min: 1 }),
    columns: columnsOption,
    weights: weightsOption,
    adapter: adapterOption,
  },
  examples: [
    'evaluate model.gguf --task capitals.json --shots 5',
    'evaluate org/name --task questions.jsonl --metric choice --limit 200 --json',
  ],
  async run({ args, options, progress, signal, print }) {
    const { task, metric, columns, seed, shots, limit } = options;
    if (task === undefined) throw new CriaError('--task is required', { remedy: 'for example --task questions.jsonl' });
    const { columnsFrom } = await import('../data/index.ts');
    const { asked, readTask, withChoices } = await import('../evaluate/index.ts');

    return withModel({ ...options, model: args.model, progress }, async ({ model, tokenizer }) => {
      const rows = await readTask(task, columnsFrom(columns));
      const questions = asked(metric === 'choice' ? withChoices(rows) : rows, { shots, limit, seed });
      const watch = { progress, signal };
      const result =
        metric === 'match'
          ? await byWriting(model, tokenizer, questions, options.maxTokens, watch)
          : await byReading(model, tokenizer, questions, metric, watch);
      const { accuracy, low, high, n } = result;
      print(`${metric} ${figure(accuracy)} (95% ${figure(low)} to ${figure(high)}) on ${n} questions\n`);
      return { metric, shots, ...result };
    });
  },
});

async function byReading(
  model: LoadedModel,
  tokenizer: Tokenizer,
  questions: readonly Asked[],
  metric: 'accuracy' | 'choice',
  watch: Watch,
): Promise<Accuracy> {
  const { choiceAccuracy, tokenAccuracy } = await import('../evaluate/index.ts');
  const { openForward } = await import('../model/index.ts');
  const forward = await openForward(model);
  try {
    const reader = { forward, tokenizer, context: model.config.context };
    return await (metric === 'choice' ? choiceAccuracy : tokenAccuracy)(reader, questions, watch);
  } finally {
    await forward.dispose();
  }
}

async function byWriting(
  model: LoadedModel,
  tokenizer: Tokenizer,
  questions: readonly Asked[],
  maxTokens: number,
  watch: Watch & { readonly progress: Progress },
): Promise<Accuracy> {
  const { matchAccuracy } = await import('../evaluate/index.ts');
  const { generate, newSession } = await import('../generate/index.ts');
  const { openIncrementalDecoder } = await import('../model/index.ts');
  const cached = await openIncrementalDecoder(model);
  try {
    const session = newSession(model, tokenizer, cached); // the examples before each question are read once
    return await matchAccuracy(
      questions,
      async (prompt) => {
        const words = generate(session, tokenizer.encode(prompt, { continued: true }), {
          maxTokens,
          observers: [({ text }) => (text.trimStart().includes('\n') ? 'stop' : undefined)], // one line is enough
          signal: watch.signal,
        });
        let text = '';
        for await (const piece of words) text += piece;
        return text;
      },
      watch,
    );
  } finally {
    await cached.dispose();
  }
}
