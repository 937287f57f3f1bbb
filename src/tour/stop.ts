import type { Progress } from '../base/index.ts';
import type { Model } from '../index.ts';
import type { Part } from '../report/index.ts';

/** What a stop of the tour has to work with. */
export interface Visit {
  readonly model: Model;
  /** The folder of the model, for what opens it anew. */
  readonly path: string;
  /** An empty folder that is gone after the tour. */
  readonly scratch: string;
  readonly seed: number;
  readonly threads: number | undefined;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Tells the visitor something at once. */
  say(line: string): void;
}

/** What there was to see at a stop. */
export interface Seen {
  /** For the report. */
  readonly parts: readonly Part[];
  /** For programs. */
  readonly figures: object;
}

/** One thing that cria can do, shown on a small model in seconds. A method adds its own. */
export interface Stop {
  readonly name: string;
  readonly title: string;
  visit(visit: Visit): Promise<Seen>;
}
