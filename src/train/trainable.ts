import type { Adapter, LoraModule } from '../checkpoint/index.ts';
import type { Value } from '../engine/index.ts';
import {
  type Adaptation,
  type AdaptedMap,
  adaptationOf,
  type Config,
  checkAdapter,
  type LoadedModel,
  loraNames,
  modulesOf,
  type Precision,
  prefixNames,
  promptName,
  weightShapes,
} from '../model/index.ts';
import type { Parameter, ParameterBuffer } from './parameters.ts';

/** What of a model is trained, and how it appears in the graph. */
export interface Trainable {
  readonly parameters: readonly Parameter[];
  /** How weights are held under the whole plan: those that are trained are floats. */
  readonly precision: Precision;
  /** The adapter that is trained, as the graph sees it; an empty one where the weights themselves are. */
  readonly adaptation: Adaptation;
  /** Writes the values that training starts from. */
  start(buffer: ParameterBuffer): void;
}

/** An adapter, from the values that it has; `where` it is from. @throws CriaError when it belongs to another model. */
export function trainableAdapter(model: LoadedModel, adapter: Adapter, where: string): Trainable {
  const { config, precision } = model;
  checkAdapter(adapter, config, where);
  const adaptation = adaptationOf([adapter], config);
  return {
    parameters: [...adaptation.values].map(([name, { shape }]) => ({ name, shape, decays: true })),
    precision,
    adaptation,
    start(buffer) {
      for (const [name, { data }] of adaptation.values) dataOf(buffer, name).set(data);
    },
  };
}

/** The adapter with the values that a buffer holds. */
export function trainedAdapter(adapter: Adapter, buffer: ParameterBuffer, config: Config): Adapter {
  if (adapter.kind === 'prompt') return { ...adapter, embeddings: dataOf(buffer, promptName) };
  if (adapter.kind === 'prefix') {
    return {
      ...adapter,
      keys: adapter.keys.map((_, layer) => dataOf(buffer, prefixNames(layer).key)),
      values: adapter.values.map((_, layer) => dataOf(buffer, prefixNames(layer).value)),
    };
  }
  const adaptable = modulesOf(config); // a head that shares the embedding's table goes by the table's name
  const trained = ([path, module]: [string, LoraModule]): [string, LoraModule] => {
    const { a, b } = loraNames((adaptable.get(path) as AdaptedMap).weight);
    return [path, { ...module, a: dataOf(buffer, a), b: dataOf(buffer, b) }];
  };
  return { ...adapter, modules: new Map([...adapter.modules].map(trained)) };
}

/** Every weight of the model. */
export function trainableModel(model: LoadedModel): Trainable {
  const { checkpoint, config } = model;
  const parameters = [...weightShapes(config)].map(([name, shape]) => ({ name, shape, decays: shape.length > 1 }));
  return {
    parameters,
    precision: 'f32',
    adaptation: adaptationOf([], config),
    start(buffer) {
      for (const { name } of parameters) checkpoint.readFloat32(name, { into: dataOf(buffer, name) });
    },
  };
}

const dataOf = (buffer: ParameterBuffer, name: string): Float32Array => (buffer.value(name) as Value<'f32'>).data;
