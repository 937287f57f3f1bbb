import { throwIfAborted } from '../base/index.ts';
import { argmax, type LoadedModel, openIncrementalDecoder, type PieceResult } from '../model/index.ts';

const warmUp = 4; // tokens before the clock starts: the first runs allocate

/** Tokens a second of greedy decoding after a prompt, as the model's precision holds its weights. */
export async function decodeSpeed(
  model: LoadedModel,
  prompt: readonly number[],
  tokens: number,
  signal?: AbortSignal,
): Promise<number> {
  const decoder = await openIncrementalDecoder(model);
  try {
    const sequence = decoder.open();
    const after = async (ids: readonly number[]) => {
      const [result] = await decoder.extend([{ sequence, ids }], signal);
      return argmax((result as PieceResult).logits);
    };
    let next = await after(prompt);
    let begun = 0;
    for (let i = 0; i < warmUp + tokens; i++) {
      throwIfAborted(signal);
      if (i === warmUp) begun = performance.now();
      next = await after([next]);
    }
    return (tokens * 1000) / (performance.now() - begun);
  } finally {
    await decoder.dispose();
  }
}
