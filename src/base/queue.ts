/** A queue that one side fills and the other reads as it comes. */
export function queue<T>() {
  const held: T[] = [];
  let state: 'open' | 'finished' | { readonly failure: unknown } = 'open';
  let wake = () => {};
  return {
    push(item: T): void {
      held.push(item);
      wake();
    },
    finish(): void {
      state = 'finished';
      wake();
    },
    fail(failure: unknown): void {
      state = { failure };
      wake();
    },
    /** Everything that was pushed; throws the failure behind it. */
    async *items(): AsyncGenerator<T, void> {
      for (;;) {
        const item = held.shift();
        if (item !== undefined) yield item;
        else if (state === 'finished') return;
        else if (state !== 'open') throw state.failure;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    },
  };
}
