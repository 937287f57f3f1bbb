/** One rollout: what each step paid, what the critic expects there, and target over behaviour probability. */
export interface Rollout {
  readonly rewards: readonly number[];
  readonly values: readonly number[];
  readonly weights: readonly number[];
}

export interface Clipping {
  readonly discount: number;
  /** The largest weight of an error (rho) and of what is traced back (c). */
  readonly rho: number;
  readonly trace: number;
}

/**
 * Off-policy targets of a critic and advantages of a policy (V-trace; Espeholt et al. 2018; CCPO, equation 5). The value
 * behind the last step is 0.
 */
export function vtrace({ rewards, values, weights }: Rollout, { discount, rho, trace }: Clipping) {
  const steps = rewards.length;
  const targets = new Float64Array(steps);
  const advantages = new Float64Array(steps);
  let [nextTarget, nextValue] = [0, 0];
  for (let t = steps - 1; t >= 0; t--) {
    const [reward, value, weight] = [rewards[t] as number, values[t] as number, weights[t] as number];
    const clipped = Math.min(rho, weight);
    advantages[t] = clipped * (reward + discount * nextTarget - value);
    const error = clipped * (reward + discount * nextValue - value);
    nextTarget = value + error + discount * Math.min(trace, weight) * (nextTarget - nextValue);
    targets[t] = nextTarget;
    nextValue = value;
  }
  return { targets, advantages };
}
