import { idsOf } from './completions.ts';
import { ApiError } from './errors.ts';
import type { ServedModel } from './models.ts';
import type { Reply } from './reply.ts';
import type { EmbeddingRequest } from './schemas.ts';

/** Vectors of texts. @throws ApiError when a text does not fit, or something is asked for that is not supported. */
export function answerEmbeddings(served: ServedModel, request: EmbeddingRequest): Reply {
  if (request.dimensions != null) throw new ApiError(400, 'dimensions is not supported', { param: 'dimensions' });
  const texts = idsOf(served, request.input, false);
  const { context } = served.model.config;
  const wrong = texts.find(({ length }) => length === 0 || length > context);
  if (wrong)
    throw new ApiError(400, `an input has ${wrong.length} tokens, and the model's context is ${context}`, {
      param: 'input',
    });
  const encode = (vector: Float32Array) =>
    request.encoding_format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : [...vector];
  return {
    stream: false,
    async whole() {
      const data: object[] = [];
      for (const [index, ids] of texts.entries())
        data.push({ object: 'embedding', index, embedding: encode(await served.embed(ids)) });
      const tokens = texts.reduce((sum, { length }) => sum + length, 0);
      return { object: 'list', model: request.model, data, usage: { prompt_tokens: tokens, total_tokens: tokens } };
    },
    async *events() {},
  };
}
