import { type UniformBits, uniformValues } from '../../checkpoint/index.ts';
import { asymmetricGrid, codeOf, type GridShape, symmetricGrid } from './grid.ts';
import type { Quantized, WeightMatrix } from './types.ts';

export interface RtnOptions {
  readonly bits: UniformBits;
  /** Inputs of a row that share a scale; it divides the matrix's inputs. */
  readonly group: number;
  readonly asymmetric: boolean;
}

/** Rounds each weight to the nearest value of its group's grid. */
export function rtn(matrix: WeightMatrix, { bits, group, asymmetric }: RtnOptions): Quantized {
  return roundToGrid(matrix, group, asymmetric ? asymmetricGrid(bits) : symmetricGrid(bits));
}

/** Rounds each weight to the nearest value of the grid that `shape` fits to its group. */
export function roundToGrid({ out, inner, data }: WeightMatrix, group: number, shape: GridShape): Quantized {
  const cells = (out * inner) / group;
  const codes = new Uint8Array(data.length);
  const scales = new Float32Array(cells);
  const zeros = new Uint8Array(cells);
  for (let cell = 0, at = 0; cell < cells; cell++, at += group) {
    let [minimum, maximum] = [data[at] as number, data[at] as number];
    for (let i = at + 1; i < at + group; i++) {
      const value = data[i] as number;
      if (value < minimum) minimum = value;
      if (value > maximum) maximum = value;
    }
    const { scale, zero } = shape.fit(minimum, maximum);
    scales[cell] = scale;
    zeros[cell] = zero;
    for (let i = at; i < at + group; i++) codes[i] = codeOf(data[i] as number, scale, zero, shape.low, shape.high);
  }
  const held = { kind: 'uniform', out, inner, bits: shape.bits, group, codes, scales, zeros } as const;
  return { codes: held, values: uniformValues(held) };
}
