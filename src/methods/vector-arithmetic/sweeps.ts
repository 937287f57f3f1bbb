import { type AtLayer, bestLayer, type SettingResult, type View } from './settings.ts';

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
