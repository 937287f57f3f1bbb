import { CriaError } from '../../base/index.ts';

/** Rotary position embedding and how it is stretched beyond the lengths of pretraining. */
export type Rope = RopeBase &
  (
    | { readonly type: 'default' }
    /** Positions divided by the factor. (Chen et al. 2023) */
    | { readonly type: 'linear'; readonly factor: number }
    /** The base grows with the length of the text. (NTK-aware, dynamic) */
    | { readonly type: 'dynamic'; readonly factor: number; readonly original: number }
    /** High frequencies kept, low ones interpolated, a ramp between. (Peng et al. 2023) */
    | {
        readonly type: 'yarn';
        readonly factor: number;
        readonly original: number;
        readonly betaFast: number;
        readonly betaSlow: number;
        readonly attentionFactor: number;
        readonly truncate: boolean;
      }
    /** Llama 3.1's ramp between wavelengths. */
    | {
        readonly type: 'llama3';
        readonly factor: number;
        readonly original: number;
        readonly lowFactor: number;
        readonly highFactor: number;
      }
    /** Factors searched per frequency, one list within the original length, one beyond. (Ding et al. 2024) */
    | {
        readonly type: 'longrope';
        readonly original: number;
        readonly short: readonly number[];
        readonly long: readonly number[];
        readonly attentionFactor: number;
      }
  );

interface RopeBase {
  readonly theta: number;
  /** Elements of a head that are rotated; the rest stay. */
  readonly rotated: number;
}

export interface Frequencies {
  /** Angle per position of each pair of elements. */
  readonly inverse: Float64Array;
  /** cos and sin are multiplied by it. */
  readonly attentionFactor: number;
}

/** The angle per position of each frequency, for a text of `length` positions (dynamic and longrope depend on it). */
export function frequencies(rope: Rope, length = 0): Frequencies {
  const { rotated } = rope;
  const plain = (theta: number) => Float64Array.from({ length: rotated / 2 }, (_, i) => theta ** ((-2 * i) / rotated));
  const base = plain(rope.theta);
  switch (rope.type) {
    case 'default':
      return { inverse: base, attentionFactor: 1 };
    case 'linear':
      return { inverse: base.map((f) => f / rope.factor), attentionFactor: 1 };
    case 'dynamic': {
      const reach = Math.max(length, rope.original);
      const growth = (rope.factor * reach) / rope.original - (rope.factor - 1);
      return { inverse: plain(rope.theta * growth ** (rotated / (rotated - 2))), attentionFactor: 1 };
    }
    case 'yarn': {
      const { low, high } = yarnRange(rope);
      const inverse = base.map((f, i) => {
        const ramp = Math.min(1, Math.max(0, (i - low) / (high - low)));
        return (f / rope.factor) * ramp + f * (1 - ramp);
      });
      return { inverse, attentionFactor: rope.attentionFactor };
    }
    case 'llama3':
      return { inverse: base.map((f) => llama3Frequency(f, rope)), attentionFactor: 1 };
    case 'longrope': {
      const factors = length > rope.original ? rope.long : rope.short;
      return { inverse: base.map((f, i) => f / (factors[i] as number)), attentionFactor: rope.attentionFactor };
    }
  }
}

/** cos and sin [positions, rotated / 2] in float32, multiplied by the attention factor; angles are rounded as in float32. */
export function rotaryTables(
  rope: Rope,
  positions: number,
  length = positions,
): { cos: Float32Array; sin: Float32Array } {
  const { inverse, attentionFactor } = frequencies(rope, length);
  const rounded = Float32Array.from(inverse);
  const half = rounded.length;
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (let position = 0, at = 0; position < positions; position++) {
    for (let i = 0; i < half; i++, at++) {
      const angle = Math.fround(position * (rounded[i] as number));
      cos[at] = Math.cos(angle) * attentionFactor;
      sin[at] = Math.sin(angle) * attentionFactor;
    }
  }
  return { cos, sin };
}

/** Whether the frequencies change while a text grows up to `length` positions. */
export function lengthMatters(rope: Rope, length = Number.POSITIVE_INFINITY): boolean {
  return (rope.type === 'dynamic' || rope.type === 'longrope') && length > rope.original;
}

/** Texts of two lengths have the same frequencies when this is the same of both: a length that gives them. */
export function lengthGiving(rope: Rope, length: number): number {
  if (rope.type === 'longrope') return length > rope.original ? rope.original + 1 : 0;
  return rope.type === 'dynamic' ? Math.max(length, rope.original) : 0;
}

/**
 * The longest text that a rope serves, for a checkpoint whose max_position_embeddings is `positions`: dynamic scaling
 * leaves the trained length there, and YaRN often does (Qwen2.5).
 */
export function contextOf(rope: Rope, positions: number): number {
  if (rope.type === 'dynamic') return Math.floor(rope.factor * rope.original);
  if (rope.type === 'yarn') return Math.max(positions, Math.floor(rope.factor * rope.original));
  return positions;
}

/** Between which frequency indices YaRN's ramp lies: where a wavelength turns betaFast and betaSlow times in the original length. */
function yarnRange(rope: Rope & { type: 'yarn' }): { low: number; high: number } {
  const index = (turns: number) =>
    (rope.rotated * Math.log(rope.original / (turns * 2 * Math.PI))) / (2 * Math.log(rope.theta));
  let [low, high] = [index(rope.betaFast), index(rope.betaSlow)];
  if (rope.truncate) [low, high] = [Math.floor(low), Math.ceil(high)];
  low = Math.max(low, 0);
  high = Math.min(high, rope.rotated - 1);
  return { low, high: low === high ? high + 0.001 : high };
}

function llama3Frequency(f: number, rope: Rope & { type: 'llama3' }): number {
  const wavelength = (2 * Math.PI) / f;
  if (wavelength < rope.original / rope.highFactor) return f;
  if (wavelength > rope.original / rope.lowFactor) return f / rope.factor;
  const smooth = (rope.original / wavelength - rope.lowFactor) / (rope.highFactor - rope.lowFactor);
  return ((1 - smooth) * f) / rope.factor + smooth * f;
}

type Json = Readonly<Record<string, unknown>>;

interface RopeContext {
  readonly headSize: number;
  readonly context: number;
  readonly where: string;
}

const mostStretch = 1e6;

/** Reads rope_theta with rope_scaling, or rope_parameters (transformers 5), of a config.json. */
export function ropeFrom(json: Json, { headSize, context, where }: RopeContext): Rope {
  const nested = asObject(json.rope_parameters) ?? {};
  const own = asObject(nested.full_attention) ?? nested;
  const scaling: Json = { ...asObject(json.rope_scaling), ...own };
  const type = String(scaling.rope_type ?? scaling.type ?? 'default');
  const number = (key: string, otherwise?: number): number => {
    const given = scaling[key] ?? json[key] ?? otherwise;
    if (typeof given === 'number' && Number.isFinite(given) && given > 0) return given;
    throw new CriaError(`config.json: rope scaling "${type}" has no valid ${key}`, { where });
  };
  const factorOf = (otherwise?: number): number => {
    const given = number('factor', otherwise);
    if (given >= 1 && given <= mostStretch) return given;
    throw new CriaError(
      `config.json: the factor of rope scaling "${type}" must be from 1 to ${mostStretch} (got ${given})`,
      { where },
    );
  };
  const partial = number('partial_rotary_factor', 1);
  if (partial > 1 || headSize * partial < 2) {
    throw new CriaError(`config.json: partial_rotary_factor must rotate 2 to ${headSize} dimensions (got ${partial})`, {
      where,
    });
  }
  const base = { theta: number('rope_theta', 10_000), rotated: 2 * Math.floor((headSize * partial) / 2) };
  const original = () => number('original_max_position_embeddings', context);
  switch (type) {
    case 'default':
      return { type, ...base };
    case 'linear':
      return { type, ...base, factor: factorOf() };
    case 'dynamic':
      return { type, ...base, factor: factorOf(), original: context };
    case 'yarn': {
      const factor = factorOf(Math.max(1, context / original()));
      return {
        type,
        ...base,
        factor,
        original: original(),
        betaFast: number('beta_fast', 32),
        betaSlow: number('beta_slow', 1),
        attentionFactor: yarnAttentionFactor(scaling, factor),
        truncate: scaling.truncate !== false,
      };
    }
    case 'llama3':
      return {
        type,
        ...base,
        factor: factorOf(),
        original: number('original_max_position_embeddings'),
        lowFactor: number('low_freq_factor'),
        highFactor: number('high_freq_factor'),
      };
    case 'longrope': {
      const factor = factorOf(Math.max(1, context / original()));
      const otherwise = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original()));
      return {
        type,
        ...base,
        original: original(),
        short: factorList(scaling.short_factor, base.rotated / 2, where),
        long: factorList(scaling.long_factor, base.rotated / 2, where),
        attentionFactor: number('attention_factor', otherwise),
      };
    }
    default:
      throw new CriaError(`the rope scaling "${type}" is not supported`, {
        where,
        remedy: 'supported: default, linear, dynamic, yarn, llama3, longrope',
      });
  }
}

/** YaRN's correction of attention's temperature, with DeepSeek's mscale variants. */
function yarnAttentionFactor(scaling: Json, factor: number): number {
  if (typeof scaling.attention_factor === 'number') return scaling.attention_factor;
  const correction = (mscale: number) => (factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1);
  const { mscale, mscale_all_dim: all } = scaling;
  if (typeof mscale === 'number' && typeof all === 'number' && mscale && all)
    return correction(mscale) / correction(all);
  return correction(1);
}

function factorList(given: unknown, length: number, where: string): number[] {
  if (Array.isArray(given) && given.length === length && given.every((x) => typeof x === 'number' && x > 0))
    return given;
  throw new CriaError(
    `config.json: short_factor and long_factor of longrope must be lists of ${length} positive numbers`,
    { where },
  );
}

const asObject = (value: unknown): Json | undefined =>
  typeof value === 'object' && value !== null ? (value as Json) : undefined;
