import { compile, type Value } from '../../engine/index.ts';
import { type Rows, topSingular } from '../../linalg/index.ts';
import type { LoadedModel } from '../../model/index.ts';
import { input, linear } from '../../tensor/index.ts';
import { type LineIndexes, type Outcome, outcomeOf, ranks } from './analogies.ts';
import { asValue } from './ov.ts';
import type { WordVectors } from './words.ts';

/** What is done to word vectors [words, width] of one layer before they are compared. */
export type View = (vectors: Rows) => Promise<Rows>;

/** How analogies come out behind one layer. */
export interface AtLayer {
  readonly layer: number;
  /** On the lines that choose the layer, the given words not excluded. */
  readonly choose: Outcome;
  /** On the lines that judge it, with the given words as candidates and without. */
  readonly judge: Outcome;
  readonly judgeExcluding: Outcome;
  /** On all lines of the task, as published numbers are. */
  readonly whole: Outcome;
  readonly wholeExcluding: Outcome;
}

/** How analogies come out under one view. */
export interface SettingResult {
  readonly layers: readonly AtLayer[];
  /** The layer that the first half of the pairs chooses, judged by the other. */
  readonly best: AtLayer;
}

export interface IndexedLines {
  readonly whole: readonly LineIndexes[];
  readonly choose: readonly LineIndexes[];
  readonly judge: readonly LineIndexes[];
}

/** Products that views and comparisons are made of, compiled once for all of them. */
export interface Geometry {
  /** Vectors as they are. */
  readonly raw: View;
  /** Without their mean. */
  readonly centred: View;
  /** On the `rank` directions of the largest variance. */
  principal(rank: number): View;
  /** Through a lens: x -> L x, or L x / rms(x) for lenses that hold the gains of norms. */
  through(lens: Rows): View;
  /** Analogies at every layer, and at one. */
  judge(vectors: WordVectors, lines: IndexedLines, view: View): Promise<SettingResult>;
  judgeAt(layer: number, vectors: WordVectors, lines: IndexedLines, view: View): Promise<AtLayer>;
  dispose(): Promise<void>;
}

/** Opens the products; `foldNorm` tells of lenses that they hold the gains of norms. */
export async function openGeometry({ config, device, threads }: LoadedModel, foldNorm: boolean): Promise<Geometry> {
  const options = { device, threads };
  const x = input('x', 'f32', ['words', 'width']);
  const map = await compile({ y: linear(x, input('lens', 'f32', ['out', 'width'])) }, options);
  const inner = await compile({ gram: linear(x, x) }, options);
  const mapped = async (vectors: Rows, lens: Rows): Promise<Rows> => {
    const { y } = await map.run({ x: asValue(vectors), lens: asValue(lens) });
    return { rows: vectors.rows, columns: lens.rows, data: (y as Value<'f32'>).data };
  };
  const outcomes = (gram: Float32Array, lines: readonly LineIndexes[], exclude: boolean) =>
    outcomeOf(ranks(gram, lines, exclude), lines);
  const judgeAt: Geometry['judgeAt'] = async (layer, vectors, lines, view) => {
    const seen = asValue(await view(vectors.layers[layer] as Rows));
    const gram = ((await inner.run({ x: seen })).gram as Value<'f32'>).data;
    return {
      layer,
      choose: outcomes(gram, lines.choose, false),
      judge: outcomes(gram, lines.judge, false),
      judgeExcluding: outcomes(gram, lines.judge, true),
      whole: outcomes(gram, lines.whole, false),
      wholeExcluding: outcomes(gram, lines.whole, true),
    };
  };
  return {
    raw: async (vectors) => vectors,
    centred: async (vectors) => centred(vectors),
    principal: (rank) => async (vectors) => {
      const spread = centred(vectors);
      return mapped(spread, (await topSingular(spread, rank, options)).right);
    },
    through: (lens) => (vectors) => mapped(foldNorm ? normalized(vectors, config.epsilon) : vectors, lens),
    async judge(vectors, lines, view) {
      const layers: AtLayer[] = [];
      for (const layer of vectors.layers.keys()) layers.push(await judgeAt(layer, vectors, lines, view));
      return { layers, best: bestLayer(layers) };
    },
    judgeAt,
    async dispose() {
      await Promise.all([map.dispose(), inner.dispose()]);
    },
  };
}

/** The layer of the highest accuracy on the lines that choose; of equal ones that of the higher reciprocal rank. */
export function bestLayer(layers: readonly AtLayer[]): AtLayer {
  return layers.reduce((best, each) => {
    const [a, b] = [best.choose, each.choose];
    return b.accuracy > a.accuracy || (b.accuracy === a.accuracy && b.mrr > a.mrr) ? each : best;
  });
}

/** Each row divided by its root mean square, as RMSNorm does. */
function normalized({ rows, columns, data }: Rows, epsilon: number): Rows {
  const scales = Float64Array.from({ length: rows }, (_, row) => {
    const squares = data.subarray(row * columns, (row + 1) * columns).reduce((sum, x) => sum + x * x, 0);
    return 1 / Math.sqrt(squares / columns + epsilon);
  });
  return { rows, columns, data: data.map((x, i) => x * (scales[Math.floor(i / columns)] as number)) };
}

function centred({ rows, columns, data }: Rows): Rows {
  const means = new Float64Array(columns);
  for (const [i, x] of data.entries()) means[i % columns] = (means[i % columns] as number) + x / rows;
  return { rows, columns, data: data.map((x, i) => x - (means[i % columns] as number)) };
}
