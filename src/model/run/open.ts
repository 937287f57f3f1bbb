import { CriaError, gibibytes, type Progress, silent } from '../../base/index.ts';
import {
  type Adapter,
  type Checkpoint,
  openCheckpoint,
  readAdapter,
  withReplacements,
} from '../../checkpoint/index.ts';
import { availableMemory, type Device, defaultThreads } from '../../engine/index.ts';
import { type Config, configFrom } from '../architecture/config.ts';
import { type Decoder, decoder } from '../architecture/decoder.ts';
import { checkAdapter } from '../weights/adapter-check.ts';
import { type Adaptation, type AdaptationOptions, adaptationOf, virtualTokens } from '../weights/adapters.ts';
import { adaptedBinding, type BoundWeights, bindWeights } from '../weights/bind.ts';
import { checkWeights, unusedTensors } from '../weights/check-weights.ts';
import type { Precision } from '../weights/packing.ts';
import type { Weights } from '../weights/weights.ts';

export interface ModelOptions extends AdaptationOptions {
  readonly device?: Device;
  readonly threads?: number;
  /** In which precision weights are held; `auto` by default. */
  readonly precision?: Precision;
  /** How the model is run; by default what fits into memory. */
  readonly plan?: Plan;
  /** What is added to the model, as adapters or the folders that hold them; several add up. */
  readonly adapters?: readonly (Adapter | string)[];
  /** Another decoder in place of the model's: it has every block's input and output in hand. */
  readonly wrap?: (decoder: Decoder, config: Config) => Decoder;
  readonly progress?: Progress;
}

/** One graph with all weights, or one block's graph for every block with the next block's weights read each time. */
export type Plan = 'whole' | 'by-layer';

/** An opened model: headers have been read and checked, weights are read when they are needed. */
export interface LoadedModel {
  readonly path: string;
  /** Its context is what adapters leave of it. */
  readonly config: Config;
  readonly adaptation: Adaptation;
  readonly checkpoint: Checkpoint;
  readonly device: Device;
  readonly threads: number;
  readonly precision: Precision;
  readonly progress: Progress;
  /** The decoder over weights as they are given, wrapped as the model was asked for: the one place that makes it. */
  decoder(weights: Weights): Decoder;
  /** The weights at a precision: bound once each. */
  bound(precision?: Precision): BoundWeights;
  /** The plan for a run that takes `need` bytes under the whole plan, said through `progress` when it is another. */
  planFor(need: number): Plan;
  close(): void;
}

const share = 0.85; // of the free memory that we dare to take

/** Whether what needs `bytes` may be held where `free` are free: some are left for everything else. */
export function fits(bytes: number, free: number): boolean {
  return bytes < free * share;
}

/**
 * Opens a model: a path, or a checkpoint that is open already (see `overlaid`), which stays its owner's to close.
 * @throws CriaError when weights, configuration and adapters do not belong together.
 */
export function loadModel(source: string | Checkpoint, options: ModelOptions = {}): LoadedModel {
  const opened = typeof source === 'string' ? openCheckpoint(source) : source;
  const close = () => {
    if (typeof source === 'string') opened.close();
  };
  try {
    checkWeights(opened, configFrom(opened.config, opened.path));
    const { checkpoint, adapters } = applied(opened, options.adapters ?? []);
    if (options.gated && checkpoint !== opened) {
      const remedy = 'merge such an adapter first';
      throw new CriaError('DoRA, saved modules and biases cannot be gated', { where: opened.path, remedy });
    }
    const config = configFrom(checkpoint.config, checkpoint.path);
    noteUnused(checkpoint, config, options.progress);
    return loaded(checkpoint, config, { ...options, adapters }, close);
  } catch (error) {
    close();
    throw error;
  }
}

/** Names the tensors that are not used: what a user expects of them does not happen. */
function noteUnused(checkpoint: Checkpoint, config: Config, progress: Progress = silent): void {
  const unused = unusedTensors(checkpoint, config);
  if (unused.length === 0) return;
  const [tensors, verb] = unused.length === 1 ? ['tensor', 'is'] : ['tensors', 'are'];
  const more = unused.length > mostNamed ? `, and ${unused.length - mostNamed} more` : '';
  progress.note(
    `${unused.length} ${tensors} of ${checkpoint.path} ${verb} not used: ${unused.slice(0, mostNamed).join(', ')}${more}.`,
  );
}

const mostNamed = 4;

function loaded(
  checkpoint: Checkpoint,
  config: Config,
  options: ModelOptions,
  closeCheckpoint: () => void,
): LoadedModel {
  const precision = options.precision ?? 'auto';
  const adaptation = adaptationOf(options.adapters?.filter((each) => typeof each !== 'string') ?? [], config, options);
  const progress = options.progress ?? silent;
  const bindings = new Map<Precision, BoundWeights>();
  const bound = (at: Precision = precision): BoundWeights => {
    const known = bindings.get(at) ?? adaptedBinding(bindWeights(checkpoint, config, at), adaptation, config);
    bindings.set(at, known);
    return known;
  };
  let said = false;
  return {
    path: checkpoint.path,
    config: { ...config, context: config.context - virtualTokens(adaptation) },
    adaptation,
    checkpoint,
    device: options.device ?? 'cpu',
    threads: options.threads ?? defaultThreads(),
    precision,
    progress,
    bound,
    decoder(weights) {
      const own = decoder(config, weights);
      return options.wrap?.(own, config) ?? own;
    },
    planFor(need) {
      if (options.plan) return options.plan;
      const free = availableMemory();
      if (fits(need, free)) return 'whole';
      if (!said) {
        progress.note(`The model needs ${gibibytes(need)} and ${gibibytes(free)} are free: using the by-layer plan.`);
        said = true;
      }
      return 'by-layer';
    },
    close() {
      for (const each of bindings.values()) each.release();
      closeCheckpoint();
    },
  };
}

/** A checkpoint with the parts of adapters that replace weights, and what is left of the adapters. */
function applied(checkpoint: Checkpoint, given: readonly (Adapter | string)[]) {
  let changed = checkpoint;
  const adapters = given.map((each) => {
    const config = configFrom(changed.config, changed.path);
    const adapter = suitable(each, config);
    if (adapter.kind !== 'lora') return adapter;
    const rest = withReplacements(changed, adapter);
    changed = rest.checkpoint;
    return rest.adapter;
  });
  return { checkpoint: changed, adapters };
}

/** An adapter that belongs to the model. @throws CriaError when it does not. */
function suitable(given: Adapter | string, config: Config): Adapter {
  const adapter = typeof given === 'string' ? readAdapter(given) : given;
  checkAdapter(adapter, config, typeof given === 'string' ? given : `a ${given.kind} adapter`);
  return adapter;
}
