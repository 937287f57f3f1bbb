import { type LoraAdapter, type LoraModule, largestRank, rescaled } from '../checkpoint/index.ts';

/**
 * The same update with one rank and one scale for all modules, so that every program reads it alike: rows of zeros
 * under each A, columns of zeros behind each B, alpha = scale * rank. `maps` are the linear maps of the model, [out, in]
 * by path: those that are adapted in another block get a pair of zeros, for programs that take all blocks or none.
 */
export function padded(adapter: LoraAdapter, maps: ReadonlyMap<string, readonly [number, number]>): LoraAdapter {
  const { base, modules } = adapter;
  const rank = largestRank(adapter);
  const scale = [...modules.values()][0]?.scale ?? 1;
  const common = { rank, scale, alpha: scale * rank };
  const adapted = new Set([...modules.keys()].map(inAnyBlock));
  const missing = [...maps].filter(([path]) => adapted.has(inAnyBlock(path)) && !modules.has(path));
  const zeros = missing.map(([path, [out, inner]]): [string, LoraModule] => [
    path,
    { ...common, out, inner, a: new Float32Array(rank * inner), b: new Float32Array(out * rank) },
  ]);
  const filled = [...modules].map(([path, module]): [string, LoraModule] => [
    path,
    { ...common, ...widened(rescaled(module, scale), rank) },
  ]);
  return { kind: 'lora', base, modules: new Map([...filled, ...zeros]), rslora: false };
}

const inAnyBlock = (path: string) => path.replace(/\.\d+\./, '.*.');

function widened(
  { a, b, inner, out, rank: own }: LoraModule,
  rank: number,
): Pick<LoraModule, 'a' | 'b' | 'inner' | 'out'> {
  const [below, behind] = [new Float32Array(rank * inner), new Float32Array(out * rank)];
  below.set(a);
  for (let row = 0; row < out; row++) behind.set(b.subarray(row * own, (row + 1) * own), row * rank);
  return { a: below, b: behind, inner, out };
}
