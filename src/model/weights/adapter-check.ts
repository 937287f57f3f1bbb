import { allFinite, CriaError } from '../../base/index.ts';
import type { Adapter } from '../../checkpoint/index.ts';
import type { Config } from '../architecture/config.ts';
import { headName, layerPrefix, linearNames, linearShapes } from '../architecture/names.ts';

/** A linear map that an adapter may update: its weight and [out, in]. */
export interface AdaptedMap {
  readonly weight: string;
  readonly shape: readonly [number, number];
}

/** The linear maps of a model by the paths of their modules. */
export function modulesOf(config: Config): Map<string, AdaptedMap> {
  const modules = new Map<string, AdaptedMap>();
  for (let layer = 0; layer < config.layers; layer++) {
    for (const name of linearNames) {
      const path = layerPrefix(layer) + name;
      modules.set(path, { weight: `${path}.weight`, shape: linearShapes(config)[name] });
    }
  }
  return modules.set('lm_head', { weight: headName(config), shape: [config.vocabulary, config.hiddenSize] });
}

/** @throws CriaError when an adapter was made for a model of other modules or sizes, or holds no finite numbers. */
export function checkAdapter(adapter: Adapter, config: Config, where: string): void {
  const what = whyForeign(adapter, config);
  if (what) {
    const base = adapter.base === '' ? 'another model' : `another model: ${JSON.stringify(adapter.base.slice(0, 100))}`;
    throw new CriaError(what, { where, remedy: `the adapter was trained on ${base}` });
  }
  if (!numbersIn(adapter).every(allFinite)) throw new CriaError('holds NaN or Inf', { where });
}

function whyForeign(adapter: Adapter, config: Config): string | undefined {
  if (adapter.kind === 'prompt') {
    if (adapter.width === config.hiddenSize) return undefined;
    return `its embeddings have ${adapter.width} values, those of the model ${config.hiddenSize}`;
  }
  if (adapter.kind === 'prefix') {
    const sizes = (layers: number, heads: number, size: number) =>
      `${layers} layers of ${heads} key/value heads of ${size}`;
    const own = sizes(adapter.keys.length, adapter.heads, adapter.headSize);
    const wanted = sizes(config.layers, config.keyValueHeads, config.headSize);
    return own === wanted ? undefined : `it is a prefix for ${own}, but the model has ${wanted}`;
  }
  const known = modulesOf(config);
  for (const [path, { out, inner }] of adapter.modules) {
    const shape = known.get(path)?.shape;
    if (!shape) return `it adapts ${path}, which does not exist in the model`;
    if (shape[0] !== out || shape[1] !== inner) {
      return `it adapts ${path} as [${out}, ${inner}], but the model has [${shape.join(', ')}]`;
    }
  }
  return undefined;
}

function numbersIn(adapter: Adapter): readonly Float32Array[] {
  if (adapter.kind === 'prompt') return [adapter.embeddings];
  if (adapter.kind === 'prefix') return [...adapter.keys, ...adapter.values];
  const modules = [...adapter.modules.values()].flatMap(({ a, b, magnitude }) => [
    a,
    b,
    ...(magnitude ? [magnitude] : []),
  ]);
  return [...modules, ...[...(adapter.replaced?.values() ?? [])].map(({ data }) => data)];
}
