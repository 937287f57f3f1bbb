import { type Config, type LinearName, layerPrefix, linearNames, linearShapes } from '../../model/index.ts';
import { targetsOf } from '../../train/index.ts';

/** Modules that read one input, which is decomposed once for all of them. */
export interface InputGroup {
  readonly layer: number;
  /** The input's path within its block. */
  readonly path: InputPath;
  readonly width: number;
  /** In the order of the model. */
  readonly modules: readonly Module[];
}

export interface Module {
  /** As PEFT names it: model.layers.0.self_attn.q_proj. */
  readonly name: string;
  readonly out: number;
}

export type InputPath = 'attention.input' | 'attention.heads' | 'mlp.input' | 'mlp.hidden';

/** What each linear map of a block reads. */
const inputOf: Readonly<Record<LinearName, InputPath>> = {
  'self_attn.q_proj': 'attention.input',
  'self_attn.k_proj': 'attention.input',
  'self_attn.v_proj': 'attention.input',
  'self_attn.o_proj': 'attention.heads',
  'mlp.gate_proj': 'mlp.input',
  'mlp.up_proj': 'mlp.input',
  'mlp.down_proj': 'mlp.hidden',
};

/** The inputs of all modules that `targets` name, in the order of the model. @throws CriaError when a target names none. */
export function inputGroups(config: Config, targets: readonly string[]): InputGroup[] {
  const named = targetsOf(targets);
  const wanted = linearNames.filter((linear) => named.includes(linear));
  const shapes = linearShapes(config);
  const groupsOf = (layer: number): InputGroup[] =>
    [...new Set(wanted.map((linear) => inputOf[linear]))].map((path) => {
      const members = wanted.filter((linear) => inputOf[linear] === path);
      return {
        layer,
        path,
        width: shapes[members[0] as LinearName][1],
        modules: members.map((linear) => ({ name: layerPrefix(layer) + linear, out: shapes[linear][0] })),
      };
    });
  return Array.from({ length: config.layers }, (_, layer) => groupsOf(layer)).flat();
}
