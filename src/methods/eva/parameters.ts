import type { InputGroup } from './groups.ts';

/** Numbers in A and B of all modules with their own ranks, and with `rank` for each. */
export function parameterCount(
  { groups, ranks }: { readonly groups: readonly InputGroup[]; readonly ranks: ReadonlyMap<string, number> },
  rank: number,
): { parameters: number; uniform: number } {
  let [parameters, uniform] = [0, 0];
  for (const { width, modules } of groups) {
    for (const { name, out } of modules) {
      parameters += (ranks.get(name) ?? 0) * (width + out);
      uniform += rank * (width + out);
    }
  }
  return { parameters, uniform };
}
