import type { Rows } from '../../linalg/index.ts';
import type { LoadedModel } from '../../model/index.ts';
import { type AtLayer, bestLayer, type SettingResult, type View } from './geometry.ts';
import { principalRows } from './ov.ts';

/** The two lenses of one size: a rank, or a number of heads. */
export interface Sized<T> {
  readonly size: number;
  readonly concept: T;
  readonly token: T;
}

/** The same for lenses of several ranks, and of several numbers of heads. */
export interface Sizes<T> {
  readonly ranks: readonly Sized<T>[];
  readonly tops: readonly Sized<T>[];
}

/** How a task's analogies come out through lenses of several sizes, all behind one layer. */
export interface Sweeps extends Sizes<AtLayer> {
  readonly layer: number;
}

/** Views through both lenses at several ranks, from one decomposition each. */
export async function rankViews(
  model: LoadedModel,
  lenses: { readonly concept: Rows; readonly token: Rows },
  asked: readonly number[],
  through: (lens: Rows) => View,
): Promise<Sized<View>[]> {
  const ranks = [...new Set(asked.map((rank) => Math.min(rank, model.config.hiddenSize)))].sort((a, b) => a - b);
  const most = ranks.at(-1);
  if (most === undefined) return [];
  const [concept, token] = [
    await principalRows(lenses.concept, most, model),
    await principalRows(lenses.token, most, model),
  ];
  const first = ({ columns, data }: Rows, rank: number) =>
    through({ rows: rank, columns, data: data.subarray(0, rank * columns) });
  return ranks.map((size) => ({ size, concept: first(concept, size), token: first(token, size) }));
}

/** Judges a task through lenses of every size, behind the layer where one of the two lenses is best. */
export async function sweepsOf(
  views: Sizes<View>,
  settings: { readonly concept: SettingResult; readonly token: SettingResult },
  judgeAt: (layer: number, view: View) => Promise<AtLayer>,
): Promise<Sweeps> {
  const { layer } = sweptLayer([settings.concept, settings.token]);
  const judged = async (sizes: readonly Sized<View>[]) => {
    const found: Sized<AtLayer>[] = [];
    for (const { size, concept, token } of sizes) {
      found.push({ size, concept: await judgeAt(layer, concept), token: await judgeAt(layer, token) });
    }
    return found;
  };
  return { layer, ranks: await judged(views.ranks), tops: await judged(views.tops) };
}

/** The best layer of several settings, the last one left out. (Feucht, Wallace and Bau 2025, the authors' code) */
function sweptLayer(settings: readonly SettingResult[]): AtLayer {
  return bestLayer(settings.flatMap(({ layers }) => (layers.length > 1 ? layers.slice(0, -1) : layers)));
}
