import type { Progress, Random } from '../../base/index.ts';
import type { Value } from '../../engine/index.ts';
import { type Config, type LoadedModel, openForward } from '../../model/index.ts';
import { clusterMean } from '../../statistics/index.ts';
import { allHeads, type ScoredHead } from './heads.ts';
import { type PromptParts, shuffledFiller } from './prompts.ts';

/** A text and the position that its last one may look at. */
export interface AttentionPrompt {
  readonly ids: readonly number[];
  readonly at: number;
}

/** Where in an entity attention is measured: concept heads look at its end, token heads at its first token. */
export type EntityEnd = 'first' | 'last';

/** Begin token, filler, entity, more filler, new line, the first filler again: what came next the last time? */
export function attentionPrompt(
  parts: PromptParts,
  entity: readonly number[],
  end: EntityEnd,
  random: Random,
): AttentionPrompt {
  const { beginning, newline, length } = parts;
  const most = length - entity.length;
  const least = Math.min(length >> 1, most);
  const before = least + Math.floor(random() * (most - least + 1));
  const filler = shuffledFiller(parts, most, entity[0], random);
  const first = filler.slice(0, before);
  return {
    ids: [beginning, ...first, ...entity, ...filler.slice(before), newline, ...first],
    at: 1 + before + (end === 'first' ? 0 : entity.length - 1),
  };
}

const promptsAtOnce = 16; // the patterns of 30 layers of 9 heads over 60 positions take 66 MB

/**
 * The share of each head's attention from the last position to position `at`, weighted by the norms of the values:
 * a_j |v_j| / sum_i a_i |v_i|, its mean and standard error over prompts. It tells what heads look at, not what they
 * do. (Feucht et al. 2025, The Dual-Route Model of Induction, section 3; Kobayashi et al. 2020)
 */
export async function attentionScores(
  model: LoadedModel,
  prompts: readonly AttentionPrompt[],
  { progress, signal }: { readonly progress: Progress; readonly signal?: AbortSignal },
): Promise<ScoredHead[]> {
  const { config } = model;
  const { layers } = config;
  const path = (layer: number, part: string) => `layers.${layer}.attention.${part}`;
  const paths = Array.from({ length: layers }, (_, layer) => [path(layer, 'pattern'), path(layer, 'value')]).flat();
  const forward = await openForward(model, { read: paths, precision: 'f32' });
  const heads = allHeads(config);
  const shares = heads.map((): number[] => []);
  try {
    for (let from = 0; from < prompts.length; from += promptsAtOnce) {
      progress.step('attention', from, prompts.length, 'prompts');
      const some = prompts.slice(from, from + promptsAtOnce);
      const { read } = await forward.run(
        some.map(({ ids }) => ids),
        { signal },
      );
      for (const [i, { layer, head }] of heads.entries()) {
        const pattern = read[path(layer, 'pattern')] as Value<'f32'>;
        const values = read[path(layer, 'value')] as Value<'f32'>;
        for (const [row, { ids, at }] of some.entries()) {
          shares[i]?.push(shareAt(config, pattern, values, row, head, ids.length, at));
        }
      }
    }
  } finally {
    await forward.dispose();
  }
  return heads.map((head, i) => {
    const { mean, standardError } = clusterMean((shares[i] as number[]).map((sum) => ({ sum, count: 1 })));
    return { ...head, score: mean, ...(standardError !== undefined && { standardError }) };
  });
}

function shareAt(
  { heads, keyValueHeads, headSize }: Config,
  pattern: Value<'f32'>,
  values: Value<'f32'>,
  row: number,
  head: number,
  length: number,
  at: number,
): number {
  const seq = pattern.shape[3] as number;
  const from = ((row * heads + head) * seq + length - 1) * seq;
  const group = Math.floor((head * keyValueHeads) / heads);
  let [total, own] = [0, 0];
  for (let position = 0; position < length; position++) {
    const start = ((row * seq + position) * keyValueHeads + group) * headSize;
    const weight =
      (pattern.data[from + position] as number) * Math.hypot(...values.data.subarray(start, start + headSize));
    total += weight;
    if (position === at) own = weight;
  }
  return total > 0 ? own / total : 0;
}
