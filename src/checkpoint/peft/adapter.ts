/** What an adapter folder holds: float32 values, whatever type the file has. `base` names the model it was made for. */
export type Adapter = LoraAdapter | PromptAdapter | PrefixAdapter;

/** Low-rank updates of linear maps: y + scale * B (A x). (Hu et al. 2021) */
export interface LoraAdapter {
  readonly kind: 'lora';
  readonly base: string;
  /** By the path of the module, as in model.layers.0.self_attn.q_proj. */
  readonly modules: ReadonlyMap<string, LoraModule>;
  /** Scales are alpha / sqrt(rank) instead of alpha / rank. (Kalajdzievski 2023) */
  readonly rslora: boolean;
  /** Tensors in place of the model's, by their names in it: PEFT's modules_to_save, and trained biases. */
  readonly replaced?: ReadonlyMap<string, SavedTensor>;
  /** A saved embedding is the head too, where the model ties them (PEFT's ensure_weight_tying). */
  readonly tiesSaved?: boolean;
}

export interface SavedTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface LoraModule {
  readonly rank: number;
  readonly alpha: number;
  /** What the product B A is multiplied by: see `loraScale`. */
  readonly scale: number;
  readonly inner: number;
  readonly out: number;
  /** [rank, inner]. */
  readonly a: Float32Array;
  /** [out, rank]. */
  readonly b: Float32Array;
  /** DoRA: the length of each row of the updated weight, [out]. (Liu et al. 2024) */
  readonly magnitude?: Float32Array;
}

/** Rows that stand in front of the embeddings of every text. (Lester et al. 2021) */
export interface PromptAdapter {
  readonly kind: 'prompt';
  readonly base: string;
  readonly tokens: number;
  readonly width: number;
  /** [tokens, width], as the first block reads them: no embedding scale is applied. */
  readonly embeddings: Float32Array;
}

/**
 * Keys and values that every layer attends to before the text. (Li and Liang 2021) They take the positions 0 to
 * tokens - 1, the text those behind; keys are stored as they are attended to, no rotation is applied.
 */
export interface PrefixAdapter {
  readonly kind: 'prefix';
  readonly base: string;
  readonly tokens: number;
  /** Key/value heads: they share a row of keys evenly. */
  readonly heads: number;
  readonly headSize: number;
  /** By layer, [tokens, heads * headSize]. */
  readonly keys: readonly Float32Array[];
  readonly values: readonly Float32Array[];
}

/** What a low-rank product is multiplied by. */
export function loraScale(alpha: number, rank: number, rslora: boolean): number {
  return alpha / (rslora ? Math.sqrt(rank) : rank);
}

/** The same update with another scale: B carries the rest. */
export function rescaled(module: LoraModule, scale: number): LoraModule {
  const factor = module.scale / scale;
  return factor === 1 ? module : { ...module, scale, b: module.b.map((value) => value * factor) };
}

/** The largest rank of an adapter's modules. */
export function largestRank({ modules }: LoraAdapter): number {
  return Math.max(...[...modules.values()].map(({ rank }) => rank));
}
