/** Watches a growing text for stop strings: what may be the beginning of one is held back. */
export interface StopWatch {
  /** Takes further text; returns what is certainly not part of a stop string, and whether one has been found. */
  push(text: string): { text: string; stopped: boolean };
  /** What was held back when the text ends without a stop string. */
  rest(): string;
}

/** A watch for the given strings; the earliest in the text counts, and it is not part of what is returned. */
export function stopWatch(stops: readonly string[]): StopWatch {
  const wanted = stops.filter((stop) => stop.length > 0);
  let held = '';
  return {
    push(text) {
      held += text;
      const found = wanted.map((stop) => held.indexOf(stop)).filter((at) => at >= 0);
      if (found.length > 0) {
        const before = held.slice(0, Math.min(...found));
        held = '';
        return { text: before, stopped: true };
      }
      const keep = Math.max(0, ...wanted.map((stop) => overlap(held, stop)));
      const sure = held.slice(0, held.length - keep);
      held = held.slice(held.length - keep);
      return { text: sure, stopped: false };
    },
    rest: () => held,
  };
}

/** How long the longest end of `text` is that begins `stop`. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
