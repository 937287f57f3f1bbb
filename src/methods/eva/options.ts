/** What the method can be asked for: names and values as in PEFT's LoraConfig and EvaConfig. */
export interface EvaOptions {
  /** The mean rank of a module: the budget is this times the number of modules. */
  readonly rank: number;
  /** A module gets at most this times `rank`; 1 gives every module the same. */
  readonly rho: number;
  /** A component has converged when a batch leaves the cosine between its old and new direction at this or above. */
  readonly tau: number;
  /** Ends of paths of linear layers, as q_proj; all of them when empty. */
  readonly targets: readonly string[];
  /** Divide each row of A by the root of its singular value. */
  readonly whiten: boolean;
  /** Batches after which the ranks are taken as they are. */
  readonly maxBatches: number;
}

export const evaDefaults: EvaOptions = {
  rank: 16, // Paischer et al. 2024, table 4
  rho: 2,
  tau: 0.99,
  targets: [],
  whiten: false,
  maxBatches: 500,
};
