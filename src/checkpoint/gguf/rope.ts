import { CriaError } from '../../base/index.ts';

/** A Hugging Face `rope_scaling` object: `rope_type` and its parameters. */
export type RopeScaling = Readonly<Record<string, unknown>> & { readonly rope_type: string };

/** What a GGUF header and its factor tensors tell about rotary embeddings. */
export interface GgufRope {
  readonly type?: string;
  readonly factor?: number;
  readonly originalContext?: number;
  /** Multiplies YaRN's own attention factor, which llama.cpp computes by itself; the whole factor of LongRoPE. */
  readonly attentionFactor?: number;
  readonly betaFast?: number;
  readonly betaSlow?: number;
  /** rope_freqs.weight: what each inverse frequency is divided by. */
  readonly factors?: Float32Array;
  readonly longFactors?: Float32Array;
  readonly shortFactors?: Float32Array;
}

/** The Hugging Face description of a GGUF file's RoPE scaling; undefined where there is none. */
export function ropeScalingOf(rope: GgufRope, base: number, where: string): RopeScaling | undefined {
  const original = { original_max_position_embeddings: rope.originalContext };
  const { longFactors, shortFactors, attentionFactor: attention = 1 } = rope;
  if (rope.factors) return llama3Scaling(rope.factors, base) ?? longrope(rope.factors, rope.factors);
  if (longFactors && shortFactors) return longrope(longFactors, shortFactors);
  switch (
    rope.type ??
    (rope.factor ? 'linear' : 'none') // as llama.cpp reads a factor alone, and one of 0 as none
  ) {
    case 'none':
      return undefined;
    case 'linear':
      return { rope_type: 'linear', factor: rope.factor || 1 };
    case 'yarn': {
      const factor = rope.factor || 1;
      return {
        rope_type: 'yarn',
        factor,
        ...original,
        ...(rope.betaFast ? { beta_fast: rope.betaFast } : {}),
        ...(rope.betaSlow ? { beta_slow: rope.betaSlow } : {}),
        ...(attention === 1 ? {} : { attention_factor: attention * yarnAttentionFactor(factor) }),
      };
    }
    default:
      throw new CriaError(`its RoPE scaling ${JSON.stringify(rope.type?.slice(0, 40))} is not supported`, {
        where,
        remedy: 'supported: none, linear, yarn, longrope',
      });
  }

  function longrope(long: Float32Array, short: Float32Array): RopeScaling {
    const lists = { long_factor: [...long], short_factor: [...short] };
    return { rope_type: 'longrope', ...lists, ...original, attention_factor: attention };
  }
}

/** What the factors of a RoPE scaling are computed from. */
export interface RopeBasis {
  /** `rope_theta`. */
  readonly base: number;
  /** Dimensions of a head that are rotated. */
  readonly rotated: number;
  /** `max_position_embeddings`. */
  readonly context: number;
}

/** The inverse of `ropeScalingOf`. @throws CriaError for scalings that GGUF cannot hold, such as dynamic. */
export function ggufRopeOf(scaling: RopeScaling, basis: RopeBasis, where: string): GgufRope {
  const { rope_type: type } = scaling;
  const lacks = (key: string) =>
    new CriaError(`rope_scaling of type ${type} has no valid ${key}`, { where, remedy: 'correct config.json' });
  const optional = (key: string): number | undefined => {
    const value = scaling[key] ?? undefined;
    if (value === undefined || (typeof value === 'number' && value > 0)) return value;
    throw lacks(key);
  };
  const number = (key: string): number => {
    const value = optional(key);
    if (value === undefined) throw lacks(key);
    return value;
  };
  const list = (key: string): Float32Array => {
    const value = scaling[key];
    if (Array.isArray(value) && value.length === basis.rotated / 2) return Float32Array.from(value);
    throw lacks(key);
  };
  const originalContext = optional('original_max_position_embeddings');
  const attention = optional('attention_factor');
  switch (type) {
    case 'default':
      return {};
    case 'linear':
      return { type, factor: number('factor') };
    case 'yarn': {
      const factor = number('factor');
      const attentionFactor = attention && attention / yarnAttentionFactor(factor);
      const [betaFast, betaSlow] = [optional('beta_fast'), optional('beta_slow')];
      return { type, factor, originalContext, betaFast, betaSlow, attentionFactor };
    }
    case 'longrope': {
      const original = originalContext ?? basis.context;
      const attentionFactor =
        attention ?? longropeAttentionFactor(optional('factor') ?? basis.context / original, original);
      const [longFactors, shortFactors] = [list('long_factor'), list('short_factor')];
      return { type, originalContext, attentionFactor, longFactors, shortFactors };
    }
    case 'llama3': {
      const [low, high] = [number('low_freq_factor'), number('high_freq_factor')];
      const parameters = { factor: number('factor'), low, high, original: originalContext ?? basis.context };
      return { factors: llama3Factors(basis.base, basis.rotated, parameters) };
    }
    default:
      throw new CriaError(`RoPE scaling of type ${JSON.stringify(type)} cannot be written to GGUF`, {
        where,
        remedy: 'use linear, yarn, longrope or llama3',
      });
  }
}

/** YaRN's default attention factor, 0.1 ln(factor) + 1, which llama.cpp applies by itself. (YaRN, section 3.4) */
function yarnAttentionFactor(factor: number): number {
  return factor > 1 ? 0.1 * Math.log(factor) + 1 : 1;
}

/** LongRoPE's default attention factor. (transformers, _compute_longrope_parameters) */
function longropeAttentionFactor(factor: number, original: number): number {
  return factor > 1 ? Math.sqrt(1 + Math.log(factor) / Math.log(original)) : 1;
}

const llama3 = { low: 1, high: 4, original: 8192 }; // of every Llama 3.1 to 3.3 model

/** The scaling of Llama 3.1 where its formula gives these factors; other factors can only be listed. */
function llama3Scaling(factors: Float32Array, base: number): RopeScaling | undefined {
  const factor = factors.reduce((a, b) => Math.max(a, b), 1);
  const expected = llama3Factors(base, 2 * factors.length, { factor, ...llama3 });
  if (!expected.every((value, i) => Math.abs(value - (factors[i] as number)) <= 1e-4 * value)) return undefined;
  return {
    rope_type: 'llama3',
    factor,
    low_freq_factor: llama3.low,
    high_freq_factor: llama3.high,
    original_max_position_embeddings: llama3.original,
  };
}

/**
 * What Llama 3.1 divides each inverse frequency by: 1 for short wavelengths, `factor` for long ones, and between
 * them the harmonic interpolation. (transformers, _compute_llama3_parameters)
 */
function llama3Factors(
  base: number,
  headSize: number,
  { factor, low, high, original }: { factor: number; low: number; high: number; original: number },
): Float32Array {
  return Float32Array.from({ length: headSize / 2 }, (_, i) => {
    const wavelength = 2 * Math.PI * base ** ((2 * i) / headSize);
    if (wavelength < original / high) return 1;
    if (wavelength > original / low) return factor;
    const smooth = (original / wavelength - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}
