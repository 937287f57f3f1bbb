/** An answer, whole or as events of a stream: one of the two is asked for. */
export interface Reply {
  readonly stream: boolean;
  whole(): Promise<object>;
  events(): AsyncGenerator<object, void>;
}
