import { type Value, value } from '../../engine/index.ts';
import type { Config } from '../architecture/config.ts';
import { anyLayer, layerPrefix, layerShapes } from '../architecture/names.ts';
import type { LoadedModel } from '../run/open.ts';

/** A weight in float32 by its name; undefined where there is none. */
export type WeightReader = (name: string) => Value | undefined;

/**
 * Reads weights one by one. With `held` all are kept once they were read; else those of a block are read over the last
 * block's, so that a value serves until the same part of another block is asked for.
 */
export function weightReader({ config, checkpoint, bound }: LoadedModel, held: boolean): WeightReader {
  const { value: kept } = bound('f32');
  if (held) return kept;
  const buffers = new Map<string, { readonly name: string; readonly weight: Value }>();
  const shapes = layerShapes(config);
  return (name) => {
    const part = /^model\.layers\.\d+\.(.*)$/.exec(name)?.[1];
    const shape = part === undefined ? undefined : shapes.get(part);
    if (part === undefined || !shape) return kept(name); // the head and the last norm
    const last = buffers.get(part);
    if (last?.name === name) return last.weight;
    const into = (last?.weight.data as Float32Array | undefined) ?? new Float32Array(shape.reduce((a, b) => a * b, 1));
    const weight = value('f32', shape, checkpoint.readFloat32(name, { into }));
    buffers.set(part, { name, weight });
    return weight;
  };
}

/** The weights of one block after the other under the names that every block has; those in `given` are left out. */
export function openBlocks(
  model: LoadedModel,
  held: boolean,
): (layer: number, given?: ReadonlySet<string>) => Record<string, Value> {
  const read = weightReader(model, held);
  const parts = [...layerShapes(model.config).keys()];
  return (layer, given) =>
    Object.fromEntries(
      parts
        .filter((part) => !given?.has(part))
        .map((part) => [anyLayer + part, read(layerPrefix(layer) + part) as Value]),
    );
}

export const blockNames = (config: Config, layer: number): string[] =>
  [...layerShapes(config).keys()].map((part) => layerPrefix(layer) + part);
