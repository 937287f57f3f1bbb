/** The temperature of step t of T (from 0): geometric from the first to the last. */
export function temperatureAt(step: number, steps: number, [first, last]: readonly [number, number]): number {
  return first * (last / first) ** (step / steps);
}

/** How many layers are dropped in step t of T: a line that reaches `drop` after `fraction` of the steps. */
export function droppedAt(step: number, steps: number, drop: number, fraction: number): number {
  return Math.round(drop * Math.min(1, step / (fraction * steps)));
}

/** Mask logits by importance: c times the standardized logarithms, mean 0. All 0 where the layers matter alike. */
export function initialLogits(importance: readonly number[], c = 1): number[] {
  const logs = importance.map((each) => Math.log(Math.max(each, 0) + leastImportance));
  const mean = logs.reduce((sum, x) => sum + x, 0) / logs.length;
  const deviation = Math.sqrt(logs.reduce((sum, x) => sum + (x - mean) ** 2, 0) / logs.length);
  return logs.map((x) => (deviation > 0 ? (c * (x - mean)) / deviation : 0));
}

const leastImportance = 1e-6; // nats: below it layers are taken to matter alike
