export const schedules = ['constant', 'linear', 'cosine'] as const;
export type Schedule = (typeof schedules)[number];

/**
 * The factor of the learning rate in a step (counted from 0) of `steps`: it rises linearly over `warmup` steps, then
 * stays, or falls to 0 along a line or half a cosine. (As transformers has them; Loshchilov and Hutter 2017)
 */
export function rateFactor(schedule: Schedule, step: number, steps: number, warmup: number): number {
  if (step < warmup) return (step + 1) / (warmup + 1);
  if (schedule === 'constant') return 1;
  const progress = (step - warmup) / Math.max(1, steps - warmup);
  return schedule === 'linear' ? 1 - progress : (1 + Math.cos(Math.PI * progress)) / 2;
}
