/** How far the online threshold moves at the k-th question: eta0 k^-(1/2 + xi). (CCPO, equation 9) */
export const stepSize = (k: number, eta0 = 0.1, xi = 0.1): number => eta0 * k ** -(0.5 + xi);

/**
 * The threshold after a question: a miss lowers it, so that sets grow. Never clamped from below: at kappa <= 0 sets hold
 * everything, nothing is missed, and it climbs back; a clamp would end the validity. (CCPO, section 3.8; Angelopoulos,
 * Barber, Bates 2024)
 */
export function nextThreshold(kappa: number, missed: boolean, alpha: number, eta: number): number {
  return Math.min(1, kappa + eta * (alpha - (missed ? 1 : 0)));
}

/** The level after a question, in the alternative form of Gibbs and Candes 2021. */
export function nextLevel(level: number, missed: boolean, alpha: number, gamma: number): number {
  return level + gamma * (alpha - (missed ? 1 : 0));
}
