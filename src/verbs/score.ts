import { CriaError, figure } from '../base/index.ts';
import type { Row } from '../data/index.ts';
import type { Scored } from '../evaluate/index.ts';
import { adapterOption, defineVerb, integer, modelArgument, text, weightsOption } from '../options/index.ts';
import { type Opened, withModel } from './shared/with-model.ts';

export const verb = defineVerb({
  arguments: { model: modelArgument },
  options: {
    file: text('rows {"text"} or {"ids"}: .jsonl, .json, .csv or .txt', { placeholder: 'file' }),
    top: integer('also return this many of the most likely tokens', { default: 20, min: 1, max: 1000 }),
    weights: weightsOption,
    adapter: adapterOption,
  },
  examples: ['score model.gguf --file texts.jsonl', 'score model.gguf --file texts.jsonl --top 5 --json'],
  async run({ args, options, progress, signal, print }) {
    const { file, top } = options;
    if (file === undefined) throw new CriaError('--file is required', { remedy: 'for example --file texts.jsonl' });
    const { isAbsent, readRows, textIn } = await import('../data/index.ts');
    const { score } = await import('../evaluate/index.ts');
    const { openForward } = await import('../model/index.ts');

    return withModel({ ...options, model: args.model, progress }, async (opened) => {
      const { model } = opened;
      const texts: (readonly number[])[] = [];
      for await (const row of readRows(file)) {
        const ids = isAbsent(row.values.ids) ? opened.tokenizer.encode(textIn(row, 'text')) : idsIn(row);
        texts.push(checked(ids, model.config, row));
      }
      if (texts.length === 0) throw new CriaError('has no rows', { where: file });
      const forward = await openForward(model);
      try {
        const rows = await score(forward, texts, { top, progress, signal });
        const spell = spelling(opened);
        print(rows.map((row, i) => `${sentence(i + 1, row, spell)}\n`).join(''));
        return { rows };
      } finally {
        await forward.dispose();
      }
    });
  },
});

function idsIn({ values, where }: Row): readonly number[] {
  const { ids } = values;
  if (Array.isArray(ids) && ids.every((id) => Number.isSafeInteger(id))) return ids;
  throw new CriaError('ids must be a list of integers', { where, remedy: 'write {"ids": [5, 17, 3]}' });
}

/** @throws CriaError, about the row, when the model cannot read these ids. */
function checked(
  ids: readonly number[],
  { context, vocabulary }: { readonly context: number; readonly vocabulary: number },
  { where }: Row,
): readonly number[] {
  if (ids.length === 0) throw new CriaError('has no tokens', { where });
  if (ids.length > context) {
    const what = `its ${ids.length} tokens do not fit in the context of ${context}`;
    throw new CriaError(what, { where, remedy: 'shorten it' });
  }
  const wrong = ids.find((id) => id < 0 || id >= vocabulary);
  if (wrong === undefined) return ids;
  throw new CriaError(`the id ${wrong} is not in the vocabulary of ${vocabulary}`, { where });
}

/** How a token is shown: as its text, or as its id where the model has no tokenizer. */
function spelling(opened: Opened): (id: number) => string {
  try {
    const { tokenizer } = opened;
    return (id) => JSON.stringify(tokenizer.decode([id], { continues: true }));
  } catch {
    return String;
  }
}

/** `1: 5 tokens, -3.69 a token; next " Paris" 0.77, " the" 0.064, …` */
function sentence(number: number, { ids, logprobs, top }: Scored, spell: (id: number) => string): string {
  const mean = logprobs.reduce((sum, logprob) => sum + logprob, 0) / logprobs.length;
  const next = top.slice(0, 5).map(({ id, logprob }) => `${spell(id)} ${figure(Math.exp(logprob))}`);
  const each = logprobs.length > 0 ? `, ${figure(mean)} a token` : '';
  return `${number}: ${ids.length} tokens${each}; next ${next.join(', ')}`;
}
