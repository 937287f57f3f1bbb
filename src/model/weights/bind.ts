import type { Checkpoint } from '../../checkpoint/index.ts';
import { type Program, type Value, type Values, value } from '../../engine/index.ts';
import type { Config } from '../architecture/config.ts';
import { embeddingName, headName, linearShapes, weightShapes } from '../architecture/names.ts';
import { type Adaptation, adaptedWeights } from './adapters.ts';
import { packMatrices } from './pack.ts';
import { exactPacking, isPrecise, type Precision, packingFor } from './packing.ts';
import { newArrays, type Room } from './room.ts';
import { blocksInRow, floatWeights, type Packing, packedNames, packedWeights, type Weights } from './weights.ts';

/** A checkpoint's weights as a graph names them, and their values. */
export interface BoundWeights {
  readonly weights: Weights;
  /** Whether matrices are packed for the runtime, which has to be given them when a graph is compiled. */
  readonly packed: boolean;
  /** The value of an input of the graph, or undefined when it is no weight. Float ones are read once and kept. */
  value(name: string): Value | undefined;
  /** As `value`, with arrays of `room`; what was read is kept as long as the function is. */
  valuesIn(room: Room): (name: string) => Value | undefined;
  /** Bytes that all values take. */
  readonly bytes: number;
  /** Bytes of a checkpoint's weight. */
  sizeOf(name: string): WeightSize;
  /** Forgets what has been read. */
  release(): void;
}

/** Bytes of a weight: as it is given to the runtime, and as the runtime holds it for its kernels. */
export interface WeightSize {
  readonly given: number;
  readonly held: number;
}

/** Binds a checkpoint at a precision. */
export function bindWeights(checkpoint: Checkpoint, config: Config, precision: Precision): BoundWeights {
  const matrices = new Set([embeddingName, headName(config)]);
  const shapes = weightShapes(config);
  for (const name of shapes.keys()) {
    if (Object.keys(linearShapes(config)).some((linear) => name.endsWith(`${linear}.weight`))) matrices.add(name);
  }
  const packings = new Map<string, Packing>();
  const sizes = new Map<string, WeightSize>();
  for (const [name, shape] of shapes) {
    const [out, inner] = shape as readonly [number, number];
    const isTable = name === embeddingName || name === headName(config);
    const packing = matrices.has(name)
      ? packingFor(precision, exactPacking(checkpoint, name), inner, isTable)
      : undefined;
    if (packing) packings.set(name, { ...packing, wideActivations: isPrecise(config, name, packing) });
    const floats = shape.reduce((a, b) => a * b, 4);
    sizes.set(name, packing ? packedSize(out, inner, packing) : { given: floats, held: floats });
  }
  const sizeOf = (name: string) => sizes.get(name) as WeightSize;
  const reader = (kept: Map<string, Value>, room: Room) => (name: string) => {
    const known = kept.get(name);
    if (known) return known;
    const shape = shapes.get(name);
    if (shape) {
      const into = room.floats(shape.reduce((a, b) => a * b, 1));
      kept.set(name, value('f32', shape, checkpoint.readFloat32(name, { into })));
      return kept.get(name);
    }
    const [stack, part] = splitPackedName(name);
    if (!part) return undefined;
    const parts = stack.split('|').map((each) => ({ name: each, out: shapes.get(each)?.[0] as number }));
    const first = (parts[0] as { name: string }).name;
    const inner = shapes.get(first)?.[1] as number;
    const values = packMatrices(checkpoint, parts, inner, packings.get(first) as Packing, stack, room);
    for (const [each, packed] of Object.entries(values)) kept.set(each, packed);
    return kept.get(name);
  };
  const kept = new Map<string, Value>();
  return {
    weights: packings.size > 0 ? packedWeights((name) => packings.get(name)) : floatWeights,
    packed: packings.size > 0,
    bytes: [...sizes.values()].reduce((sum, { given }) => sum + given, 0),
    sizeOf,
    release: () => kept.clear(),
    value: reader(kept, newArrays),
    valuesIn: (room) => reader(new Map(), room),
  };
}

/** Bound weights with what adapters add. */
export function adaptedBinding(base: BoundWeights, adaptation: Adaptation, config: Config): BoundWeights {
  const { values } = adaptation;
  if (values.size === 0) return base;
  return {
    ...base,
    weights: adaptedWeights(base.weights, adaptation, config),
    bytes: [...values.values()].reduce((bytes, { data }) => bytes + data.byteLength, base.bytes),
    value: (name) => values.get(name) ?? base.value(name),
    valuesIn(room) {
      const read = base.valuesIn(room);
      return (name) => values.get(name) ?? read(name);
    },
  };
}

/** The weights that a program reads as inputs. */
export function weightFeeds(program: Program, lookUp: (name: string) => Value | undefined): Values {
  const feeds: Record<string, Value> = {};
  for (const name of program.inputs.keys()) {
    const weight = lookUp(name);
    if (weight) feeds[name] = weight;
  }
  return feeds;
}

/** The runtime keeps scales and zeros as they were given, and with the codes each block's scale and what its zero adds. */
function packedSize(out: number, inner: number, packing: Packing): WeightSize {
  const { bits, block, minimums } = packing;
  const blocks = blocksInRow(inner, packing);
  const zeros = minimums ? Math.ceil((blocks * bits) / 8) : 0;
  const given = out * ((blocks * block * bits) / 8 + blocks * 4 + zeros);
  return { given, held: given + out * blocks * 8 };
}

/** 'a|b:codes' -> ['a|b', 'codes']. */
function splitPackedName(name: string): [string, string | undefined] {
  const at = name.lastIndexOf(':');
  const [stack, part] = [name.slice(0, at), name.slice(at + 1)];
  const isPacked = at > 0 && part in packedNames('');
  return [stack, isPacked ? part : undefined];
}
