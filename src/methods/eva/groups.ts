import { blockInputs, type Config, type InputPath, layerPrefix, linearShapes } from '../../model/index.ts';
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

/** The inputs of all modules that `targets` name, in the order of the model. @throws CriaError when a target names none. */
export function inputGroups(config: Config, targets: readonly string[]): InputGroup[] {
  const named = targetsOf(targets);
  const shapes = linearShapes(config);
  const groupsOf = (layer: number): InputGroup[] =>
    blockInputs(config).flatMap(({ path, size, linears }) => {
      const members = linears.filter((linear) => named.includes(linear));
      if (members.length === 0) return [];
      const modules = members.map((linear) => ({ name: layerPrefix(layer) + linear, out: shapes[linear][0] }));
      return [{ layer, path, width: size, modules }];
    });
  return Array.from({ length: config.layers }, (_, layer) => groupsOf(layer)).flat();
}
