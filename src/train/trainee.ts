import { CriaError } from '../base/index.ts';
import {
  type Config,
  type LinearName,
  type LoadedModel,
  type LowRank,
  layerPrefix,
  linearNames,
  linearShapes,
  loraNames,
  loraWeights,
  type Weights,
  weightShapes,
} from '../model/index.ts';
import { fillUniform, type Parameter, type ParameterStore, randomFor } from './parameters.ts';

/** What of a model is trained, and how it appears in the graph. */
export interface Trainee {
  readonly parameters: readonly Parameter[];
  /** The model's weights with the trained ones among them. */
  readonly weights: Weights;
  /** Blocks for which it gives the same text have parameters of the same shapes. */
  kindOf(layer: number): string;
  /** Writes the values that training starts from. */
  start(store: ParameterStore, seed: number): void;
}

/** Low-rank updates of linear layers. */
export interface LoraOptions {
  readonly rank: number;
  readonly alpha: number;
  /** Scale by alpha / sqrt(rank) instead of alpha / rank. (Kalajdzievski 2023) */
  readonly rankStabilized?: boolean;
  /** Names of linear layers, as `q_proj`; all when empty. */
  readonly targets: readonly string[];
}

/** LoRA on the named linear layers of every block: A uniform as a linear layer's weights, B zero. (Hu et al. 2021) */
export function loraTrainee(model: LoadedModel, options: LoraOptions): Trainee {
  const { config } = model;
  const targets = targetsOf(options.targets);
  const scale = options.alpha / (options.rankStabilized ? Math.sqrt(options.rank) : options.rank);
  const updates = new Map<string, LowRank>();
  const parameters: Parameter[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    for (const target of targets) {
      const weight = `${layerPrefix(layer)}${target}.weight`;
      const [out, inner] = linearShapes(config)[target];
      if (options.rank > Math.min(out, inner)) {
        throw new CriaError(`a rank of ${options.rank} is larger than ${target} of ${out} x ${inner} can have`, {
          where: '--rank',
          remedy: `give at most ${Math.min(out, inner)}`,
        });
      }
      updates.set(weight, { rank: options.rank, scale });
      const names = loraNames(weight);
      parameters.push({ name: names.a, shape: [options.rank, inner], decays: true });
      parameters.push({ name: names.b, shape: [out, options.rank], decays: true });
    }
  }
  return {
    parameters,
    weights: loraWeights(model.bound().weights, (weight) => updates.get(weight)),
    start(store, seed) {
      for (const { name, shape } of parameters) {
        if (!name.endsWith(':lora_A')) continue;
        // kaiming_uniform_ with a = sqrt(5), as torch initialises a linear layer
        fillUniform(
          (store.value(name) as { data: Float32Array }).data,
          1 / Math.sqrt(shape[1] as number),
          randomFor(seed, name),
        );
      }
    },
  };
}

/** The linear layers that `targets` name, as q_proj; all when there are none. @throws CriaError about an unknown name. */
export function targetsOf(given: readonly string[]): readonly LinearName[] {
  if (given.length === 0) return linearNames;
  return given.map((name) => {
    const found = linearNames.find((linear) => linear === name || linear.endsWith(`.${name}`));
    if (found) return found;
    const known = linearNames.map((linear) => linear.split('.')[1]).join(', ');
    throw new CriaError(`${name} is no linear layer`, { where: '--targets', remedy: `give some of ${known}` });
  });
}

/** Every weight of the model. */
export function fullTrainee(model: LoadedModel): Trainee {
  const { checkpoint, config } = model;
  const parameters = fullParameters(config);
  return {
    parameters,
    weights: model.bound('f32').weights,
    kindOf: () => '',
    start(store) {
      for (const { name } of parameters) {
        checkpoint.readFloat32(name, { into: (store.value(name) as { data: Float32Array }).data });
      }
    },
  };
}

function fullParameters(config: Config): Parameter[] {
  return [...weightShapes(config)].map(([name, shape]) => ({ name, shape, decays: shape.length > 1 }));
}
