/** `npm run` passes Ctrl-C on to a process that the terminal has told already: both are one press. */
const onePressMs = 500;

/**
 * A signal that the first Ctrl-C (or SIGTERM) aborts, so that work stops where it can be resumed. `again` is called
 * by the second: it should end the process.
 */
export function interruptSignal(tell: (sentence: string) => void, again: () => void): AbortSignal {
  const controller = new AbortController();
  let pressed = 0;
  const press = () => {
    if (controller.signal.aborted) {
      if (performance.now() - pressed > onePressMs) again();
      return;
    }
    pressed = performance.now();
    tell('stopping; Ctrl-C again stops at once');
    controller.abort();
  };
  process.on('SIGINT', press);
  process.on('SIGTERM', press);
  return controller.signal;
}
