import { describe, expect, test } from 'vitest';
import { CriaError } from '../../src/base/index.ts';
import { generate, newSession } from '../../src/generate/index.ts';
import { openIncrementalDecoder } from '../../src/model/index.ts';
import { goldenPath, opened, readGolden } from '../model/goldens.ts';
import { withTensors } from '../model/variants.ts';
import { collected, endId, lettersOf, letterTokenizer, scripted, tokenizerOf } from './stubs.ts';

const prompt = [5, 6, 7];
const script = [10, 11, 12, 13, 14, 15, 16, 17, 18, 19];

describe('a text ends', () => {
  test('after maxTokens, and the last token is not read', async () => {
    const read: number[] = [];
    const session = scripted(script, letterTokenizer, (ids) => read.push(...ids));
    const { pieces, result } = await collected(generate(session, prompt, { maxTokens: 4 }));
    expect(result).toMatchObject({ ids: [10, 11, 12, 13], text: 'KLMN', tokens: 4, finishReason: 'length' });
    expect(pieces).toEqual(['K', 'L', 'M', 'N']);
    expect(read).toEqual([...prompt, 10, 11, 12]);
    expect((await collected(generate(session, prompt, { maxTokens: 0 }))).result).toMatchObject({ ids: [], text: '' });
  });

  test('at the end-of-text token, which is an id and no text', async () => {
    const { result } = await collected(generate(scripted([10, 11, endId, 12]), prompt));
    expect(result).toMatchObject({ ids: [10, 11, endId], text: 'KL', tokens: 3, finishReason: 'end' });
  });

  test('at a stop string, which is not part of it; what may begin one is held back', async () => {
    const { pieces, result } = await collected(generate(scripted(script), prompt, { stop: ['MNX', 'NOP'] }));
    expect(pieces).toEqual(['K', 'L', 'M']);
    expect(result).toMatchObject({ text: 'KLM', ids: script.slice(0, 6), finishReason: 'stop' });
  });

  test('and what was held back comes when no stop string does', async () => {
    const { pieces, result } = await collected(generate(scripted(script), prompt, { stop: ['NX'], maxTokens: 4 }));
    expect(pieces).toEqual(['K', 'L', 'M', 'N']);
    expect(result).toMatchObject({ text: 'KLMN', finishReason: 'length' });
  });

  test('where an observer says so, who sees the text and the ids after every token', async () => {
    const seen: string[] = [];
    const stopAtWord = async ({ text, ids }: { readonly text: string; readonly ids: readonly number[] }) => {
      seen.push(`${text} ${ids.length}`);
      return text.endsWith('MN') ? ('stop' as const) : undefined;
    };
    const { result } = await collected(
      generate(scripted(script), prompt, { observers: [() => undefined, stopAtWord] }),
    );
    expect(result).toMatchObject({ text: 'KLMN', finishReason: 'observer' });
    expect(seen).toEqual(['K 1', 'KL 2', 'KLM 3', 'KLMN 4']);
  });

  test('where the context ends', async () => {
    const session = scripted(script);
    const { context } = session.model.config;
    const near = Array.from({ length: context - 3 }, (_, i) => i % 60);
    const { result } = await collected(generate(session, near));
    expect(result).toMatchObject({ tokens: 3, finishReason: 'length' });
    const full = await collected(generate(session, [...near, 1, 1, 1]));
    expect(full.result).toMatchObject({ tokens: 0, text: '', finishReason: 'length' });
  });
});

describe('a caller who cancels', () => {
  test('gets what there was, and the session goes on', async () => {
    const session = scripted(script);
    const controller = new AbortController();
    const observers = [({ ids }: { readonly ids: readonly number[] }) => void (ids.length === 3 && controller.abort())];
    const { result } = await collected(generate(session, prompt, { signal: controller.signal, observers }));
    expect(result).toMatchObject({ text: 'KLM', finishReason: 'cancelled' });
    expect(session.read.length).toBe(session.read.ids.length);
    expect((await collected(generate(session, prompt, { maxTokens: 5 }))).result.text).toBe('KLMNO');
  });

  test('before the prompt is read gets an empty text', async () => {
    const session = scripted(script);
    const { pieces, result } = await collected(generate(session, prompt, { signal: AbortSignal.abort() }));
    expect(result).toMatchObject({ ids: [], text: '', finishReason: 'cancelled' });
    expect(pieces).toEqual([]);
    expect([session.read.ids, session.read.length]).toEqual([[], 0]);
  });

  test('by not listening any more leaves a session that goes on', async () => {
    const session = scripted(script);
    for await (const piece of generate(session, prompt)) if (piece === 'L') break;
    expect((await collected(generate(session, prompt, { maxTokens: 5 }))).result.text).toBe('KLMNO');
  });
});

describe('pieces', () => {
  const text = 'añ🦙 ¡の🧉! é';
  const bytes = new TextEncoder().encode(text);
  const ids = [...bytes.keys()].map((i) => i + 3);
  const byByte = tokenizerOf((id) => bytes.subarray(id - 3, id - 2));

  test('never hold half a character, and joined they are the text', async () => {
    const { pieces, result } = await collected(generate(scripted([...ids, endId], byByte), prompt));
    expect(pieces).toEqual([...text]);
    expect(result).toMatchObject({ text, finishReason: 'end' });
  });

  test('end with U+FFFD only where the text itself ends within a character', async () => {
    for (let maxTokens = 1; maxTokens <= bytes.length; maxTokens++) {
      const { pieces, result } = await collected(generate(scripted(ids, byByte), prompt, { maxTokens }));
      expect(pieces.join('')).toBe(new TextDecoder().decode(bytes.subarray(0, maxTokens)));
      expect(result.text).toBe(pieces.join(''));
      expect(pieces.slice(0, -1).join('')).not.toContain('\uFFFD');
    }
  });

  test('stop strings of several bytes are found across tokens', async () => {
    const { pieces, result } = await collected(generate(scripted(ids, byByte), prompt, { stop: ['の🧉'] }));
    expect(pieces.join('')).toBe('añ🦙 ¡');
    expect(result).toMatchObject({ text: 'añ🦙 ¡', finishReason: 'stop' });
  });
});

describe('what is refused, in one sentence', () => {
  const refusal = async (ids: readonly number[], options = {}) => {
    const session = scripted(script);
    await expect(collected(generate(session, ids, options))).rejects.toThrow(CriaError);
    return collected(generate(session, ids, options)).catch((error: CriaError) => error.message);
  };

  test('a prompt that is longer than the context, which costs a session nothing that it has read', async () => {
    const session = scripted(script);
    await collected(generate(session, prompt, { maxTokens: 2 }));
    const long = Array<number>(session.model.config.context + 1).fill(5);
    await expect(collected(generate(session, long))).rejects.toThrow(
      'a prompt of 65 tokens does not fit in the context of 64 (shorten it)',
    );
    expect(session.read.ids).toEqual([...prompt, 10]);
  });

  test('a prompt without tokens, and options out of range', async () => {
    expect(await refusal([])).toContain('the prompt has no tokens');
    expect(await refusal(prompt, { temperature: -1 })).toContain('temperature must be a number of at least 0');
    expect(await refusal(prompt, { maxTokens: 1.5 })).toContain('maxTokens must be an integer of at least 0 (got 1.5)');
    expect(await refusal(prompt, { maxTokens: Number.NaN })).toContain(
      'maxTokens must be an integer of at least 0 (got NaN)',
    );
  });

  test('a token that the model does not have', async () => {
    const model = opened(goldenPath('llama'));
    const cached = await openIncrementalDecoder(model);
    const session = newSession(model, letterTokenizer, cached);
    for (const ids of [[64], [-1], [1.5], [1, Number.NaN]]) {
      await expect(collected(generate(session, ids))).rejects.toThrow('is not in the vocabulary of 64');
    }
    await cached.dispose();
  });

  test.each(['whole', 'by-layer'] as const)('weights that are not numbers, under the plan %s', async (plan) => {
    const path = await withTensors('llama', (name, values) => {
      if (name === 'model.layers.1.mlp.down_proj.weight') values[7] = Number.NaN;
      return true;
    });
    const model = opened(path, { plan });
    const cached = await openIncrementalDecoder(model);
    const session = newSession(model, letterTokenizer, cached);
    for (const temperature of [0, 1]) {
      const error = await collected(generate(session, prompt, { temperature })).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(CriaError);
      expect((error as CriaError).message).toMatch(/NaN or Inf/);
    }
    await cached.dispose();
  });
});

test('a seed gives the same tokens again and another seed others', async () => {
  const model = opened(goldenPath('llama'));
  const cached = await openIncrementalDecoder(model);
  const [first] = readGolden('llama').sequences;
  const options = { temperature: 1.5, maxTokens: 20 };
  const run = async (seed: number) => {
    const session = newSession(model, letterTokenizer, cached);
    const { result } = await collected(generate(session, (first?.ids ?? []).slice(0, 20), { ...options, seed }));
    expect(result.text).toBe(lettersOf(result.ids.filter((id) => id !== endId)));
    return result.ids;
  };
  expect(await run(1)).toEqual(await run(1));
  expect(await run(1)).not.toEqual(await run(2));
  await cached.dispose();
});
