import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stopMatcher } from './stop-matcher.ts';

/** What a watch makes of pieces: what it emitted, piece by piece, and whether it stopped. */
function watched(stops: readonly string[], pieces: readonly string[]): { emitted: string[]; stopped: boolean } {
  const watch = stopMatcher(stops);
  const emitted: string[] = [];
  for (const piece of pieces) {
    const { text, stopped } = watch.push(piece);
    emitted.push(text);
    if (stopped) return { emitted, stopped };
  }
  return { emitted: [...emitted, watch.rest()], stopped: false };
}

test.each<[readonly string[], readonly string[], readonly string[], boolean]>([
  [['END'], ['one E', 'N', 'D two'], ['one ', '', ''], true], // it spans three pieces
  [['END'], ['one E', 'N', 'E two'], ['one ', '', 'ENE two', ''], false], // what was held back comes
  [['aab'], ['aaab!'], ['a'], true], // the beginning overlaps itself
  [['\n\n'], ['a\n', 'b\n', '\nc'], ['a', '\nb', ''], true],
  [['abcd', 'bc'], ['abcd'], ['a'], true], // 'bc' is complete first
  [['abcd', 'bc'], ['ab', 'c', 'd'], ['', 'a'], true],
  [['bc', 'abc'], ['abc'], [''], true], // both are complete at once: the longer
  [[''], ['text'], ['text', ''], false], // nothing is no stop string
  [[], ['text'], ['text', ''], false],
])('the stops %j cut the pieces %j to %j', (stops, pieces, emitted, stopped) => {
  expect(watched(stops, pieces)).toEqual({ emitted, stopped });
});

const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 30 });
const stopStrings = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 }), {
  maxLength: 3,
});
const cuts = fc.array(fc.nat(30), { maxLength: 6 });

/** Reads letter by letter until some stop string ends the text. */
function cutAtStop(text: string, stops: readonly string[]): { text: string; stopped: boolean } {
  for (let end = 1; end <= text.length; end++) {
    const read = text.slice(0, end);
    const [longest] = stops.filter((stop) => read.endsWith(stop)).sort((a, b) => b.length - a.length);
    if (longest) return { text: read.slice(0, -longest.length), stopped: true };
  }
  return { text, stopped: false };
}

test('a text in any pieces comes out up to its first stop string, and whole without one', () => {
  fc.assert(
    fc.property(letters, stopStrings, cuts, (text, stops, places) => {
      const bounds = [0, ...[...places].sort((a, b) => a - b), text.length];
      const pieces = bounds.slice(1).map((to, i) => text.slice(bounds[i], to));
      const expected = cutAtStop(text, stops);
      const { emitted, stopped } = watched(stops, pieces);
      expect({ text: emitted.join(''), stopped }).toEqual(expected);
    }),
    { numRuns: 2000 },
  );
});

test('nothing is held back but what may be the beginning of a stop string', () => {
  fc.assert(
    fc.property(letters, stopStrings, (text, stops) => {
      const { text: emitted, stopped } = stopMatcher(stops).push(text);
      fc.pre(!stopped);
      const held = text.slice(emitted.length);
      expect(held === '' || stops.some((stop) => stop.startsWith(held))).toBe(true);
    }),
  );
});
