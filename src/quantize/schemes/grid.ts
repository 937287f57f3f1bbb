import type { UniformBits } from '../../checkpoint/index.ts';
import { nearestEven } from './rounding.ts';

const f32 = Math.fround;

/** The scale and the zero of a group: value = scale * (code - zero). */
export interface Grid {
  readonly scale: number;
  readonly zero: number;
}

/** Which codes a group may use. */
export interface GridShape {
  readonly bits: UniformBits;
  readonly low: number;
  readonly high: number;
  /** The grid of a group from its extremes. */
  fit(minimum: number, maximum: number): Grid;
}

/**
 * Symmetric round-to-nearest: scale = max|w| / (2^(bits-1) - 1), codes within ±(2^(bits-1) - 1) of the zero.
 * A group of zeros gets the scale 1.
 */
export function symmetricGrid(bits: UniformBits): GridShape {
  const [zero, half] = [2 ** (bits - 1), 2 ** (bits - 1) - 1];
  return {
    bits,
    low: zero - half,
    high: zero + half,
    fit: (minimum, maximum) => ({ scale: f32(Math.max(-minimum, maximum) / half) || 1, zero }),
  };
}

/** Asymmetric grid over a range that holds 0: scale = (max - min) / (2^bits - 1), zero = round(-min / scale). */
export function asymmetricGrid(bits: UniformBits, round: (scale: number) => number = f32): GridShape {
  return fullGrid(bits, (minimum, maximum, high) => {
    const [low, top] = [Math.min(0, minimum), Math.max(0, maximum)];
    const scale = round(f32(f32(top - low) / high)) || 1;
    return { scale, zero: Math.min(high, Math.max(0, nearestEven(f32(-low / scale)))) };
  });
}

/** A grid of all codes from 0 to `high`. */
export function fullGrid(
  bits: UniformBits,
  gridOf: (minimum: number, maximum: number, high: number) => Grid,
): GridShape {
  const high = 2 ** bits - 1;
  return { bits, low: 0, high, fit: (minimum, maximum) => gridOf(minimum, maximum, high) };
}

/** The code of a value on a grid: round half to even of w / scale, moved by the zero, within the grid's codes. */
export function codeOf(value: number, scale: number, zero: number, low: number, high: number): number {
  const code = nearestEven(f32(value / scale)) + zero;
  return Math.min(high, Math.max(low, code));
}
/**
 * GPTQ's symmetric grid: scale = 2 max|w| / (2^bits - 1), zero = 2^(bits-1), all codes in use, so that the largest
 * positive value is clipped by half a step. (IST-DASLab/gptq, quant.py)
 */
export function gptqSymmetricGrid(bits: UniformBits, round: (scale: number) => number = f32): GridShape {
  return fullGrid(bits, (minimum, maximum, high) => ({
    scale: round(f32((2 * Math.max(-minimum, maximum)) / high)) || 1,
    zero: 2 ** (bits - 1),
  }));
}
