import { CriaError } from '../../base/index.ts';
import type { LoraAdapter, LoraModule } from '../../checkpoint/index.ts';
import type { InputGroup } from './groups.ts';
import type { Pca } from './incremental-pca.ts';

/**
 * The adapter that begins training: A is the first components of a module's input, B is 0, so that the model is as it
 * was. Every product has the scale 1, which is PEFT's adjust_scaling_factors with lora_alpha = r; a module of rank 0 is
 * left out.
 * @throws CriaError when no module has any rank.
 */
export function toAdapter(
  base: string,
  groups: readonly InputGroup[],
  states: readonly (Pca | undefined)[],
  ranks: ReadonlyMap<string, number>,
  whiten: boolean,
): LoraAdapter {
  const modules = new Map<string, LoraModule>();
  for (const [i, group] of groups.entries()) {
    const state = states[i];
    for (const { name, out } of group.modules) {
      const rank = ranks.get(name) ?? 0;
      if (!state || rank === 0) continue;
      const a = firstComponents(state, rank, whiten);
      modules.set(name, { rank, alpha: rank, scale: 1, inner: group.width, out, a, b: new Float32Array(out * rank) });
    }
  }
  if (modules.size === 0) {
    throw new CriaError('no input of the targets varies', { remedy: 'use more data, of more than one text' });
  }
  return { kind: 'lora', base, modules, rslora: false };
}

/** A copy of its own for every module, with its rows divided by the roots of the singular values where asked for. */
function firstComponents({ components, values }: Pca, rank: number, whiten: boolean): Float32Array {
  const { columns, data } = components;
  const a = data.slice(0, rank * columns);
  if (whiten)
    for (let i = 0; i < a.length; i++) a[i] = whitened(a[i] as number, values[Math.floor(i / columns)] as number);
  return a;
}

/** As PEFT has it: the root of the singular value, where whitening proper would divide by the singular value. */
const whitened = (x: number, size: number) => (size > 0 ? x / Math.sqrt(size) : x);
