import type { CriaError, Progress } from '../base/index.ts';
import type { commonOptions } from './common.ts';
import type { Arguments, ArgumentValues, Options, OptionValues } from './options.ts';

/** What a verb has to work with. */
export interface Context<A, O> {
  readonly args: ArgumentValues<A>;
  readonly options: OptionValues<O> & OptionValues<typeof commonOptions>;
  readonly progress: Progress;
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
  /** Ends the verb with an error after its result has been printed: what there is, then why it does not serve. */
  refuse(error: CriaError): void;
  /** Writes for a person on stdout, as it is; with --json nothing, because the result goes there. */
  print(text: string): void;
}

/**
 * One command: what it takes and what it does. `run` returns the object that --json prints. A verb's module is
 * loaded to show its help, so the rooms that it works with are imported inside of `run`.
 */
export interface Verb<A = Arguments, O = Options> {
  readonly arguments: A;
  readonly options: O;
  /** It runs until it is told to stop: that is its end, and no interruption. */
  readonly endsBySignal?: boolean;
  /** Command lines without the leading `cria`. */
  readonly examples?: readonly string[];
  run(context: Context<A, O>): Promise<object>;
}

/** Declares a verb: the values in its context have the types of its arguments and options. */
export function defineVerb<A extends Arguments, O extends Options>(verb: Verb<A, O>): Verb {
  return verb;
}

/** A row of the table of verbs. */
export interface VerbEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<{ readonly verb: Verb }>;
}
