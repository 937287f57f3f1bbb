import type { Value } from '../../src/engine/index.ts';
import type { Head } from '../../src/methods/vector-arithmetic/heads.ts';
import type { PromptPair } from '../../src/methods/vector-arithmetic/patching.ts';
import { type LoadedModel, openForward } from '../../src/model/index.ts';
import { concat, constant, slice, type Tensor, toEnd } from '../../src/tensor/index.ts';

/** Probability of the target when the whole corrupted text is run again with heads replaced at one position. */
export async function rerun(
  model: LoadedModel,
  { clean, corrupted, target }: PromptPair,
  count: number,
  patched: readonly Head[],
): Promise<number> {
  const { headSize } = model.config;
  const paths = [...new Set(patched.map(({ layer }) => `layers.${layer}.attention.heads`))];
  const reading = await openForward(model, { read: paths });
  const { read } = await reading.run([clean]);
  await reading.dispose();
  const at = clean.length - count;
  const edit = (path: string) => (x: Tensor) => {
    const { shape, data } = read[path] as Value<'f32'>;
    const size = shape[2] as number;
    const row = constant('f32', [1, 1, size], data.slice(at * size, (at + 1) * size));
    const own = slice(x, 1, at, at + 1, 1);
    const pieces = Array.from({ length: size / headSize }, (_, head) => {
      const isPatched = patched.some((each) => path.includes(`.${each.layer}.`) && each.head === head);
      return slice(isPatched ? row : own, 2, head * headSize, (head + 1) * headSize);
    });
    const whole = concat(pieces, 2);
    return { ...concat([slice(x, 1, 0, at), whole, slice(x, 1, at + 1, toEnd)], 1), shape: x.shape };
  };
  const forward = await openForward(model, { edits: Object.fromEntries(paths.map((path) => [path, edit(path)])) });
  const { lastHidden } = await forward.run([corrupted]);
  const last = lastHidden.data.slice(-model.config.hiddenSize);
  const likelihood = (await forward.likelihoods(last, [target]))[0] as number;
  await forward.dispose();
  return Math.exp(likelihood);
}
