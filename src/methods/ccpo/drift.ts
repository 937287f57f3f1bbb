/** Where a watch raised its alarm: `at` counts rows from 1; null without an alarm. */
export interface Drift {
  readonly alarm: boolean;
  readonly at: number | null;
}

const fall = 0.1; // of accuracy, which the watch is tuned for
const stationaryRows = 2000;
const falseAlarms = 0.005; // probability of an alarm within them
const scale = 8; // a hit takes so many points

/**
 * A one-sided CUSUM on misses (Page 1954): points are the log-likelihood ratio of a miss rate that is 10 points higher,
 * rounded to whole numbers so that its false alarms can be computed exactly.
 */
export interface DriftWatch {
  /** Points at which the alarm is raised. */
  readonly limit: number;
  readonly missPoints: number;
  readonly hitPoints: number;
  readonly level: number;
}

/** The watch whose false alarms within 2,000 rows at the miss rate `alpha` have a probability of 0.5% at most. */
export function driftWatch(alpha: number): DriftWatch {
  const worse = Math.min(alpha + fall, (1 + alpha) / 2);
  const [miss, hit] = [Math.log(worse / alpha), Math.log((1 - alpha) / (1 - worse))];
  const missPoints = Math.max(1, Math.round((scale * miss) / hit));
  const watch = { missPoints, hitPoints: scale, level: alpha };
  let [low, high] = [1, missPoints];
  while (falseAlarmRate({ ...watch, limit: high }, stationaryRows) > falseAlarms) high *= 2;
  while (high - low > 1) {
    const limit = Math.floor((low + high) / 2);
    if (falseAlarmRate({ ...watch, limit }, stationaryRows) > falseAlarms) low = limit;
    else high = limit;
  }
  return { ...watch, limit: high };
}

/** The probability of an alarm within `rows` independent rows at the watch's level, by its Markov chain. */
export function falseAlarmRate({ limit, missPoints, hitPoints, level }: DriftWatch, rows: number): number {
  let state = new Float64Array(limit);
  state[0] = 1;
  let alarmed = 0;
  for (let row = 0; row < rows; row++) {
    const next = new Float64Array(limit);
    for (let points = 0; points < limit; points++) {
      const probability = state[points] as number;
      if (probability === 0) continue;
      const down = Math.max(0, points - hitPoints);
      next[down] = (next[down] as number) + probability * (1 - level);
      if (points + missPoints >= limit) alarmed += probability * level;
      else next[points + missPoints] = (next[points + missPoints] as number) + probability * level;
    }
    state = next;
  }
  return alarmed;
}

/** The first alarm over rows in their order; a row that was not audited (undefined) counts in `at` and tells nothing. */
export function driftOver(missed: readonly (boolean | undefined)[], watch: DriftWatch): Drift {
  let points = 0;
  for (const [i, miss] of missed.entries()) {
    if (miss === undefined) continue;
    points = Math.max(0, points + (miss ? watch.missPoints : -watch.hitPoints));
    if (points >= watch.limit) return { alarm: true, at: i + 1 };
  }
  return { alarm: false, at: null };
}
