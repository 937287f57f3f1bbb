import { throwIfAborted } from '../base/index.ts';
import { argmax } from '../generate/index.ts';
import { type LoadedModel, openIncrementalDecoder } from '../model/index.ts';

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
    const cache = decoder.cache();
    let next = argmax(await decoder.extend(cache, [prompt], signal));
    let begun = 0;
    for (let i = 0; i < warmUp + tokens; i++) {
      throwIfAborted(signal);
      if (i === warmUp) begun = performance.now();
      next = argmax(await decoder.extend(cache, [[next]], signal));
    }
    return (tokens * 1000) / (performance.now() - begun);
  } finally {
    await decoder.dispose();
  }
}
