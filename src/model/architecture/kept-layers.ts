import { CriaError } from '../../base/index.ts';
import { type Checkpoint, overlaid } from '../../checkpoint/index.ts';
import { configFrom } from './config.ts';
import { layerPrefix, layerShapes } from './names.ts';

/** Lists of the configuration that have an entry a layer, in the families that are read here and in their relatives. */
const perLayerLists = ['layer_types', 'no_rope_layers', 'mlp_layer_types', 'num_key_value_heads_per_layer'];

/**
 * A checkpoint of some layers only, in the order of `kept`, renumbered; every per-layer list of the configuration is cut
 * alike. Windows that the configuration gives by a rule (every sixth layer, layers from the n-th on) are written as
 * `layer_types`, because the rule does not hold any more.
 * @throws CriaError when `kept` is empty, not ascending, or names a layer that is not there.
 */
export function keptLayers(checkpoint: Checkpoint, kept: readonly number[]): Checkpoint {
  const { config } = checkpoint;
  const decoder = configFrom(config, checkpoint.path);
  const ascending = kept.every((layer, i) => Number.isInteger(layer) && layer > (kept[i - 1] ?? -1));
  if (kept.length === 0 || !ascending || (kept.at(-1) as number) >= decoder.layers) {
    const remedy = `use ascending layer indices from 0 to ${decoder.layers - 1}`;
    throw new CriaError(`cannot keep the layers ${kept.join(', ') || '(none)'}`, { where: checkpoint.path, remedy });
  }
  const renamed = new Map<string, string>();
  const own = new Set<string>();
  for (const name of checkpoint.tensors.keys()) if (name.startsWith('model.layers.')) own.add(name);
  for (const [to, from] of kept.entries()) {
    for (const part of layerShapes(decoder).keys()) renamed.set(layerPrefix(to) + part, layerPrefix(from) + part);
  }
  const lists = Object.fromEntries(
    perLayerLists.flatMap((key) => {
      const list = config[key];
      return Array.isArray(list) && list.length === decoder.layers ? [[key, kept.map((layer) => list[layer])]] : [];
    }),
  );
  const windows = decoder.slidingWindows;
  const byRule = windows.some((window) => window !== windows[0]) && !('layer_types' in lists);
  return overlaid(checkpoint, {
    config: {
      num_hidden_layers: kept.length,
      ...(byRule
        ? { layer_types: kept.map((layer) => (windows[layer] ? 'sliding_attention' : 'full_attention')) }
        : {}),
      ...(byRule ? { sliding_window_pattern: undefined, max_window_layers: undefined } : {}),
      ...lists,
    },
    tensors: renamed,
    without: own,
  });
}
