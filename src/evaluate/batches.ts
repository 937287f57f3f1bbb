const mostTokens = 2048; // padded, in a batch: enough to keep every core busy

/**
 * Groups texts of like lengths, so that little is padded: lists of their indexes, the shortest first. A batch holds
 * 2048 tokens at most, or one text.
 */
export function batchesOf(lengths: readonly number[]): number[][] {
  const order = lengths.map((_, i) => i).sort((a, b) => (lengths[a] as number) - (lengths[b] as number));
  const batches: number[][] = [];
  let batch: number[] = [];
  for (const i of order) {
    if (batch.length > 0 && (batch.length + 1) * (lengths[i] as number) > mostTokens) {
      batches.push(batch);
      batch = [];
    }
    batch.push(i);
  }
  return batch.length > 0 ? [...batches, batch] : batches;
}
