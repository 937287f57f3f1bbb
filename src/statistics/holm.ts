/**
 * p-values adjusted for the size of their family, in the order given: (m - k) p of the k-th smallest, never below a
 * smaller one's, at most 1. Controls the family-wise error rate under any dependence. (Holm 1979)
 */
export function holm(pValues: readonly number[]): number[] {
  const order = pValues.map((_, i) => i).sort((i, j) => (pValues[i] as number) - (pValues[j] as number));
  const adjusted = new Array<number>(pValues.length);
  let least = 0;
  order.forEach((index, k) => {
    least = Math.max(least, Math.min(1, (order.length - k) * (pValues[index] as number)));
    adjusted[index] = least;
  });
  return adjusted;
}
