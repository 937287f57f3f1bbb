import { idsOf } from './completions.ts';
import { ApiError } from './errors.ts';
import type { ServedModel } from './models.ts';
import type { EmbeddingRequest } from './schemas.ts';
import { type Answering, type Reply, takePlaces } from './text.ts';

/** Vectors of texts. @throws ApiError when a text does not fit, something is not supported, or there is no place. */
export async function answerEmbeddings(
  served: ServedModel,
  request: EmbeddingRequest,
  answering: Answering,
  signal: AbortSignal,
): Promise<Reply> {
  if (request.dimensions != null) throw new ApiError(400, 'dimensions is not supported', { param: 'dimensions' });
  const texts = idsOf(served, request.input, 'input');
  const { context } = served.model.config;
  const wrong = texts.find(({ length }) => length === 0 || length > context);
  if (wrong)
    throw new ApiError(400, `an input has ${wrong.length} tokens, and the model's context is ${context}`, {
      param: 'input',
    });
  const encode = (vector: Float32Array) =>
    request.encoding_format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : [...vector];
  const leave = takePlaces(served, 1, answering);
  return {
    stream: false,
    async whole() {
      const data: object[] = [];
      try {
        for (const [index, ids] of texts.entries()) {
          signal.throwIfAborted();
          data.push({ object: 'embedding', index, embedding: encode(await served.embed(ids)) });
        }
      } finally {
        leave(1);
      }
      const tokens = texts.reduce((sum, { length }) => sum + length, 0);
      return { object: 'list', model: request.model, data, usage: { prompt_tokens: tokens, total_tokens: tokens } };
    },
    async *events() {},
  };
}
