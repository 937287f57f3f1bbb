import type { Config } from './config.ts';
import { type LinearName, linearNames, linearShapes } from './names.ts';

/** The activations that linear maps read, by their path within a block. */
export const inputPaths = ['attention.input', 'attention.heads', 'mlp.input', 'mlp.hidden'] as const;
export type InputPath = (typeof inputPaths)[number];

/** The linear maps of a block that read one activation: what is measured of it serves all of them. */
export interface BlockInput {
  readonly path: InputPath;
  /** Columns of the maps' weights. */
  readonly size: number;
  /** In the order of the model. */
  readonly linears: readonly LinearName[];
}

/** The activation that each linear map of a block reads. */
export const inputPathOf: Readonly<Record<LinearName, InputPath>> = {
  'self_attn.q_proj': 'attention.input',
  'self_attn.k_proj': 'attention.input',
  'self_attn.v_proj': 'attention.input',
  'self_attn.o_proj': 'attention.heads',
  'mlp.gate_proj': 'mlp.input',
  'mlp.up_proj': 'mlp.input',
  'mlp.down_proj': 'mlp.hidden',
};

/** The inputs of a block's linear maps in the order of the computation: q, k, v share one; gate and up share one. */
export function blockInputs(config: Config): readonly BlockInput[] {
  const shapes = linearShapes(config);
  return inputPaths.map((path) => {
    const linears = linearNames.filter((linear) => inputPathOf[linear] === path);
    return { path, size: shapes[linears[0] as LinearName][1], linears };
  });
}
