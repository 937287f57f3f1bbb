import { CriaError } from '../../base/index.ts';
import type { Value } from '../../engine/index.ts';
import {
  type ExternalWeight,
  expandTo,
  input,
  lower,
  positionsAlong,
  reshape,
  substitute,
} from '../../tensor/index.ts';
import { blocks } from '../architecture/decoder.ts';
import { weightShapes } from '../architecture/names.ts';
import { freshPositions, positionInputs } from '../architecture/positions.ts';
import { floatWeights } from '../weights/weights.ts';
import type { LoadedModel } from './open.ts';
import { rotaryFeeds } from './rope-feeds.ts';

/** A model as an ONNX file whose weights lie in a file beside it. */
export interface OnnxModel {
  /** The graph: ids i64 [batch, seq] -> logits f32 [batch, seq, vocabulary]. */
  readonly graph: Uint8Array;
  /** The weights in the order of their bytes in the data file, read one at a time. */
  readonly weights: readonly { readonly offset: number; read(): Value }[];
}

const alignment = 4096; // so that the data file can be mapped into memory

/**
 * The whole model in float32 as one graph that ONNX Runtime loads anywhere; `dataFile` is the name under which its
 * weights will lie beside it. Rotations are stored for every position of the context; where they depend on the
 * text's length, for the longest one.
 */
export function onnxModel(model: LoadedModel, dataFile: string): OnnxModel {
  const { config, adaptation, checkpoint } = model;
  if (adaptation.values.size > 0) {
    throw new CriaError('cannot export a model with adapters to ONNX', {
      where: model.path,
      remedy: 'merge them first (cria merge)',
    });
  }
  const parts = model.decoder(floatWeights);
  const ids = input('ids', 'i64', ['batch', 'seq']);
  const hidden = blocks(parts, config, parts.embed(ids), freshPositions(config));
  const logits = parts.logits(parts.norm(hidden));

  const tables = rotaryFeeds(config)(config.context);
  const stored = Object.entries(tables).map(([name, { shape }]) => [name, input(name, 'f32', shape)] as const);
  const positions = expandTo(reshape(positionsAlong(ids, 1), [1, 'seq']), ids);
  const closed = substitute(logits, new Map([...stored, [positionInputs.positions, positions]]));

  const shapes = weightShapes(config);
  const placed: { offset: number; weight: ExternalWeight }[] = [];
  let end = 0;
  const { bytes } = lower(
    { logits: closed },
    (name) => name in tables || shapes.has(name),
    (weight) => {
      const offset = Math.ceil(end / alignment) * alignment;
      placed.push({ offset, weight });
      end = offset + weight.bytes;
      return { file: dataFile, offset };
    },
  );
  const read = ({ name, shape }: ExternalWeight): Value =>
    tables[name] ?? { dtype: 'f32', shape, data: checkpoint.readFloat32(name) };
  return { graph: bytes, weights: placed.map(({ offset, weight }) => ({ offset, read: () => read(weight) })) };
}
