import { finalNormName, headName, layerPrefix, layerShapes } from '../architecture/names.ts';
import type { WeightSize } from '../weights/bind.ts';
import type { LoadedModel } from './open.ts';

/** Consecutive blocks that are run as one session, the last ones with the norm and the head. */
export interface Stage {
  /** Blocks [from, to). */
  readonly from: number;
  readonly to: number;
  readonly hasHead: boolean;
  /** Bytes of the weights that it is given. */
  readonly given: number;
}

/** The whole plan in stages, in the order of the text, and the bytes that weights take. */
export interface Staging {
  readonly stages: readonly Stage[];
  /** Once all sessions are made: what they hold, and what the allocator keeps of the last one's copy. */
  readonly steady: number;
  /** While they are made, the last stage first. */
  readonly peak: number;
}

const aim = 1.4; // opening may take so much of what running takes, where single blocks allow it
const beside = 100 * 2 ** 20; // the process
const spare = 2 ** 30; // nor more than this beside it: the sessions of a large model are worth their switches

/**
 * As few stages as keep the memory of opening near that of running. They are made from the last to the first, because the
 * head is the largest matrix: its copies are there while little else is. While a session is made, what it is given is
 * there three times: as we packed it, as the runtime copied it, and as the runtime packs it for its kernels.
 */
export function stagesOf({ config, bound }: Pick<LoadedModel, 'config' | 'bound'>): Staging {
  const { sizeOf } = bound();
  const parts = [...layerShapes(config).keys()];
  const layers = Array.from({ length: config.layers }, (_, layer) =>
    sumOf(parts.map((part) => sizeOf(layerPrefix(layer) + part))),
  );
  const head = sumOf([sizeOf(finalNormName), sizeOf(headName(config))]);
  const { held: all } = sumOf([...layers, head]);
  const most = Math.min(aim * (beside + all) - beside, all + spare);
  const made: { stage: Stage; size: WeightSize; before: number }[] = [];
  let [to, size, before] = [config.layers, head, 0];
  const finish = (from: number) => {
    made.push({ stage: { from, to, hasHead: made.length === 0, given: size.given }, size, before });
    before += size.held;
    [to, size] = [from, nothing];
  };
  for (const layer of [...layers.keys()].toReversed()) {
    const more = sumOf([size, layers[layer] as WeightSize]);
    if (size.given > 0 && before + 2 * more.given + more.held > most) finish(layer + 1);
    size = sumOf([size, layers[layer] as WeightSize]);
  }
  finish(0);
  return {
    stages: made.map(({ stage }) => stage).toReversed(),
    steady: all + (made.at(-1)?.size.given ?? 0),
    peak: Math.max(...made.map((each) => each.before + 2 * each.size.given + each.size.held)),
  };
}

const nothing: WeightSize = { given: 0, held: 0 };

/** The sum of sizes. */
export function sumOf(sizes: readonly WeightSize[]): WeightSize {
  return sizes.reduce((sum, { given, held }) => ({ given: sum.given + given, held: sum.held + held }), nothing);
}
