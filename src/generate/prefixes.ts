import { commonLength } from '../base/index.ts';
import { type IncrementalDecoder, type LoadedModel, lengthMatters, type Sequence } from '../model/index.ts';

/** What has been read before, so that a text that begins alike need not be read from its start. */
export interface Prefixes {
  /** A sequence that holds the longest beginning of `prompt` that is known, but for its last token. */
  take(prompt: readonly number[]): Sequence;
  /** Takes back a sequence of a text that has ended. */
  give(sequence: Sequence): void;
}

/** How much of a prompt need not be read again: its last token is, for its logits. */
function reusable({ config }: LoadedModel, { ids, start }: Sequence, prompt: readonly number[]): number {
  const longest = start + Math.max(ids.length, prompt.length);
  if (lengthMatters(config.rope, longest)) return 0; // rotated anew
  return Math.min(commonLength(ids, prompt), prompt.length - 1);
}

/** The last text alone, in its place: a conversation. */
export function lastText(model: LoadedModel, decoder: IncrementalDecoder): Prefixes & { readonly last: Sequence } {
  const last = decoder.open();
  return {
    last,
    take(prompt) {
      last.truncate(reusable(model, last, prompt));
      return last;
    },
    give() {},
  };
}

const leastShared = 16; // tokens that are worth a copy

/**
 * Texts that are being written and ones that have ended, of which a text may copy its beginning. Of those that have ended
 * the last used ones are kept, up to `most` tokens together.
 */
export function manyTexts(model: LoadedModel, decoder: IncrementalDecoder, most: number): Prefixes {
  const active = new Set<Sequence>();
  const kept: Sequence[] = []; // the last used one first
  const longest = (sequences: Iterable<Sequence>, prompt: readonly number[]) => {
    let found: { sequence: Sequence; length: number } | undefined;
    for (const sequence of sequences) {
      const length = reusable(model, sequence, prompt);
      if (length >= Math.max(leastShared, (found?.length ?? 0) + 1)) found = { sequence, length };
    }
    return found;
  };
  return {
    take(prompt) {
      const found = longest([...kept, ...active], prompt);
      const sequence = found ? found.sequence.copy(found.length) : decoder.open();
      const place = found ? kept.indexOf(found.sequence) : -1;
      if (place > 0) kept.unshift(...kept.splice(place, 1));
      active.add(sequence);
      return sequence;
    },
    give(sequence) {
      active.delete(sequence);
      const { ids } = sequence;
      const covers = (one: readonly number[], other: readonly number[]) => commonLength(one, other) === other.length;
      if (ids.length < leastShared || kept.some((other) => covers(other.ids, ids))) return;
      const others = kept.filter((other) => !covers(ids, other.ids));
      kept.splice(0, kept.length, sequence, ...others);
      for (let total = 0, i = 0; i < kept.length; i++) {
        total += (kept[i] as Sequence).ids.length;
        if (total > most) kept.length = i;
      }
    },
  };
}
