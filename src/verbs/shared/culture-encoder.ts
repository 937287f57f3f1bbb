import { CriaError, type Progress } from '../../base/index.ts';
import type { Encoder } from '../../methods/cultural-expressiveness/index.ts';
import { type OptionValues, text } from '../../options/index.ts';
import { withModel } from './with-model.ts';

/** What makes vectors of texts. */
export const encoderOptions = {
  embeddings: text(
    'what makes vectors of texts: a model, an http address, or a file of rows {text, embedding} (default: letters)',
    { placeholder: 'model|url|file' },
  ),
  embeddingModel: text('the model to ask for at an address (default: its only one)', { placeholder: 'name' }),
  keyEnv: text('the environment variable that holds the key of the address', { placeholder: 'name' }),
};

/** The file of vectors, where `--embeddings` names one. */
export function vectorFile(given: string | undefined): string | undefined {
  return given !== undefined && kindOf(given) === 'file' ? given : undefined;
}

function kindOf(given: string): 'file' | 'address' | 'model' {
  if (/^https?:\/\//i.test(given)) return 'address';
  return /\.(jsonl?|parquet)$/i.test(given) ? 'file' : 'model';
}

/** Opens what makes vectors, and closes it behind the work. */
export async function withEncoder<T>(
  { embeddings, embeddingModel, keyEnv }: OptionValues<typeof encoderOptions>,
  { threads, progress }: { readonly threads: number | undefined; readonly progress: Progress },
  work: (encoder: Encoder) => Promise<T>,
): Promise<T> {
  const method = await import('../../methods/cultural-expressiveness/index.ts');
  if (embeddings === undefined) return work(method.letterEncoder);
  const kind = kindOf(embeddings);
  if (kind === 'file') return work(await method.fileEncoder(embeddings));
  if (kind === 'address') {
    const { openEndpoint } = await import('../../endpoint/index.ts');
    const endpoint = openEndpoint({ baseUrl: embeddings, keyEnv });
    return work(method.endpointEncoder(endpoint, embeddingModel ?? (await onlyModel(endpoint))));
  }
  const opening = { model: embeddings, weights: 'f32', threads, progress } as const;
  return withModel(opening, ({ model, tokenizer }) => work(method.modelEncoder(model, tokenizer)));
}

async function onlyModel(endpoint: { url: string; models(): Promise<string[]> }): Promise<string> {
  const [first, second] = await endpoint.models();
  if (first !== undefined && second === undefined) return first;
  const what = first === undefined ? 'offers no model' : 'offers several models';
  throw new CriaError(what, { where: endpoint.url, remedy: 'name one with --embedding-model' });
}
