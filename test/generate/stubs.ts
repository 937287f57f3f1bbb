import { throwIfAborted } from '../../src/base/index.ts';
import { type Generated, newSession, type Session } from '../../src/generate/index.ts';
import { emptySequence, type IncrementalDecoder, type Piece } from '../../src/model/index.ts';
import type { Tokenizer } from '../../src/tokenizer/index.ts';
import { goldenPath, opened } from '../model/goldens.ts';

export const endId = 2;

/** A tokenizer whose ids are the given byte strings; 2 ends a text. Only what generation asks of one is there. */
export function tokenizerOf(bytesOf: (id: number) => Uint8Array): Tokenizer {
  const stream = () => {
    const decoder = new TextDecoder();
    return {
      push: (id: number) => (id === endId ? '' : decoder.decode(bytesOf(id), { stream: true })),
      finish: () => decoder.decode(),
    };
  };
  return { special: { eos: [endId] }, stream } as unknown as Tokenizer;
}

const letters = new TextEncoder().encode('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-');

/** Every id of the golden checkpoints is one letter. */
export const letterTokenizer = tokenizerOf((id) => letters.subarray(id, id + 1));

export const lettersOf = (ids: readonly number[]): string =>
  ids.map((id) => String.fromCharCode(letters[id] as number)).join('');

/** A session in which the ids of `script` follow every prompt of two ids or more; `heard` is told what is read. */
export function scripted(
  script: readonly number[],
  tokenizer: Tokenizer = letterTokenizer,
  heard: (ids: readonly number[]) => void = () => {},
): Session {
  const model = opened(goldenPath('llama'));
  let prompt = 0;
  const cached: IncrementalDecoder = {
    plan: 'whole',
    open: () => emptySequence(model.config),
    async extend(pieces, signal) {
      const [{ sequence, ids }] = pieces as readonly [Piece];
      throwIfAborted(signal);
      heard(ids);
      sequence.reserve(ids.length);
      sequence.advance(ids.length, ids);
      if (ids.length > 1) prompt = sequence.ids.length;
      const logits = new Float32Array(model.config.vocabulary);
      logits[script[sequence.ids.length - prompt] ?? 0] = 1;
      return [{ logits, read: {} }];
    },
    dispose: async () => {},
  };
  return newSession(model, tokenizer, cached);
}

/** Everything that a generation yields, and its result. */
export async function collected(
  pieces: AsyncGenerator<string, Generated>,
): Promise<{ pieces: string[]; result: Generated }> {
  const all: string[] = [];
  for (;;) {
    const next = await pieces.next();
    if (next.done) return { pieces: all, result: next.value };
    all.push(next.value);
  }
}
