/** The penalty of the splitting and what has happened to it. */
export interface Penalty {
  readonly rho: number;
  /** It has grown by 1.2 or more: before, a support that hardly changes means that it began too large. */
  readonly grown: boolean;
}

export type PenaltyStep = Penalty & {
  /** `restart`: begin again from the dense weights; `stop`: the support is stable. */
  readonly next: 'go on' | 'restart' | 'stop';
};

export const penaltyDefaults = {
  rho: 0.1,
  /** Iterations between two looks at the support. */
  every: 3,
  mostIterations: 300,
} as const;

const largest = 1e6;
const exitFrom = 30; // iterations
const exitBelow = 3e-4; // of the kept entries

/**
 * The penalty after a look at the support, of which `changed` entries differ from the last look, `kept` being those that
 * are kept. (MOSP, appendix; ALPS, section 3.2; the restarts and the early exit are those of the authors' code of ALPS)
 */
export function nextPenalty({ rho, grown }: Penalty, changed: number, kept: number, iteration: number): PenaltyStep {
  const times = (factor: number) => Math.min(rho * factor, largest);
  if (changed >= 0.1 * kept && changed > 0) return { rho: times(1.3), grown: true, next: 'go on' };
  if (changed >= 0.005 * kept && changed > 0) return { rho: times(1.2), grown: true, next: 'go on' };
  if (!grown) return { rho: rho / 5, grown, next: 'restart' };
  if (changed === 0 || (iteration >= exitFrom && changed < exitBelow * kept)) return { rho, grown, next: 'stop' };
  return { rho: times(1.1), grown, next: 'go on' };
}
