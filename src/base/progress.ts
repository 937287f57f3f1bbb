/** One thing that a long piece of work has to tell: how far it is, or a remark. */
export interface Progress {
  /**
   * `done` of `total` `unit`s of the step `label` are finished; the first call of a label starts it. `detail` is what
   * else there is to tell at this point: a loss.
   */
  step(label: string, done: number, total: number | undefined, unit: string, detail?: string): void;
  /** A sentence that the user should see: a plan that was chosen, a figure, a warning. */
  note(sentence: string): void;
}

/** Who watches a long piece of work, and may stop it. */
export interface Watch {
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

/** Tells nobody. */
export const silent: Progress = { step() {}, note() {} };
