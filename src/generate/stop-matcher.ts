import type { Tokenizer } from '../tokenizer/index.ts';

/** Watches a growing text for stop strings: what may be the beginning of one is held back. */
export interface StopMatcher {
  /** Takes further text; returns what is certainly not part of a stop string, and whether one has been found. */
  push(text: string): { text: string; stopped: boolean };
  /** What was held back when the text ends without a stop string. */
  rest(): string;
}

/**
 * A watch for the given strings. The one that is complete first ends the text, the longest of those that are complete
 * at once: the result does not depend on the pieces in which the text comes. It is not part of what is returned.
 */
export function stopMatcher(stops: readonly string[]): StopMatcher {
  const wanted = stops.filter((stop) => stop.length > 0);
  let held = '';
  return {
    push(text) {
      held += text;
      const found = wanted
        .map((stop) => ({ start: held.indexOf(stop), length: stop.length }))
        .filter(({ start }) => start >= 0)
        .sort((a, b) => a.start + a.length - (b.start + b.length) || a.start - b.start)[0];
      const keep = found ? held.length - found.start : Math.max(0, ...wanted.map((stop) => overlap(held, stop)));
      const sure = held.slice(0, held.length - keep);
      held = found ? '' : held.slice(held.length - keep);
      return { text: sure, stopped: found !== undefined };
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

/** Turns ids that go on after a prompt into text up to a stop string: `push` returns what is certain, `finish` what is left without one. */
export function textOfIds(tokenizer: Tokenizer, stops: readonly string[] = []) {
  const decoder = tokenizer.stream({ skipSpecial: true, continues: true });
  const watch = stopMatcher(stops);
  return {
    push: (id: number) => watch.push(decoder.push(id)),
    finish() {
      const { text, stopped } = watch.push(decoder.finish());
      return stopped ? text : text + watch.rest();
    },
  };
}
