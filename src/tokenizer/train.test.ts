import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CriaError } from '../base/index.ts';
import { openTokenizer, trainTokenizer } from './index.ts';

interface Golden {
  readonly texts: readonly string[];
  readonly samples: readonly string[];
  readonly trained: readonly { vocabulary: number; tokens: string[]; merges: string[]; ids: number[][] }[];
}
const golden: Golden = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../test/goldens/tokenizer-trained.json'), 'utf8'),
);

const bytesAndMarks = 256 + 6;

interface Learnt {
  readonly tokens: string[];
  readonly merges: string[];
}

function learnt(texts: readonly string[], vocabulary: number): Learnt {
  const { model } = JSON.parse(trainTokenizer(texts, vocabulary)['tokenizer.json']);
  const ids: Record<string, number> = model.vocab;
  return { tokens: Object.keys(ids).sort((a, b) => (ids[a] as number) - (ids[b] as number)), merges: model.merges };
}

function opened(texts: readonly string[], vocabulary: number) {
  const folder = mkdtempSync(join(tmpdir(), 'cria-trained-'));
  try {
    for (const [name, text] of Object.entries(trainTokenizer(texts, vocabulary))) {
      writeFileSync(join(folder, name), text);
    }
    return openTokenizer({ kind: 'folder', path: folder });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// tokenizers 0.23.3: test/goldens/make_tokenizer_trained.py
test.each(golden.trained)('a vocabulary of $vocabulary has the tokens and rules of the peer', (expected) => {
  const { tokens, merges } = learnt(golden.texts, expected.vocabulary);
  expect(tokens).toEqual(expected.tokens);
  expect(merges).toEqual(expected.merges);
  const tokenizer = opened(golden.texts, expected.vocabulary);
  expect(golden.samples.map((text) => tokenizer.encode(text, { special: false }))).toEqual(expected.ids);
});

/** The algorithm word for word: count all pairs anew for every merge. Words are cut at spaces only. */
function naive(texts: readonly string[], first: readonly string[], vocabulary: number): string[] {
  const tokens = [...first];
  let words = texts.flatMap((text) => text.match(/ ?[a-z]+/g) ?? []).map((word) => [...word.replace(' ', 'Ġ')]);
  const merges: string[] = [];
  while (tokens.length < vocabulary) {
    const counts = new Map<string, number>();
    for (const word of words) {
      for (let i = 1; i < word.length; i++) {
        const pair = `${word[i - 1]} ${word[i]}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    }
    const rank = (pair: string) => pair.split(' ').map((side) => tokens.indexOf(side)) as [number, number];
    const [best] = [...counts].sort(([a, m], [b, n]) => n - m || rank(a)[0] - rank(b)[0] || rank(a)[1] - rank(b)[1]);
    if (best === undefined || best[1] < 2) break;
    const [left, right] = best[0].split(' ') as [string, string];
    merges.push(best[0]);
    tokens.push(left + right);
    words = words.map((word) => {
      const out: string[] = [];
      for (let i = 0; i < word.length; i++) {
        if (word[i] === left && word[i + 1] === right) out.push(left + word[++i]);
        else out.push(word[i] as string);
      }
      return out;
    });
  }
  return merges;
}

test('counts that are kept up to date learn the rules that counting anew learns', () => {
  const alphabet = learnt([], bytesAndMarks).tokens;
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 9 });
  const text = fc.array(word, { maxLength: 12 }).map((words) => words.join(' '));
  fc.assert(
    fc.property(fc.array(text, { maxLength: 4 }), fc.integer({ min: 0, max: 40 }), (texts, more) => {
      expect(learnt(texts, bytesAndMarks + more).merges).toEqual(naive(texts, alphabet, bytesAndMarks + more));
    }),
    { numRuns: 200, seed: 1 },
  );
});

test('a text of any characters survives encoding and decoding, and digits stand alone', () => {
  const tokenizer = opened(['the year 2024 2024 2024', 'the the the'], 300);
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(tokenizer.decode(tokenizer.encode(text, { special: false, parseSpecial: false }))).toBe(text);
    }),
    { seed: 1 },
  );
  expect(tokenizer.encode('2024', { special: false }).map((id) => tokenizer.tokenOf(id))).toEqual(['2', '0', '2', '4']);
  expect(tokenizer.encode(' the', { special: false })).toHaveLength(1);
});

test('texts begin with the begin token, and turns end with the token that ends a generation', () => {
  const tokenizer = opened([], bytesAndMarks);
  const { bos, eos, pad } = tokenizer.special;
  expect([pad, bos, eos]).toEqual([0, 1, [2]]);
  expect(tokenizer.encode('a')[0]).toBe(bos);
  const chat = tokenizer.applyChatTemplate([{ role: 'user', content: 'Hi' }], { addGenerationPrompt: true });
  expect(chat).toBe('<|bos|><|user|>Hi<|end|><|assistant|>');
  expect(tokenizer.encode(chat, { special: false })).toHaveLength(6);
});

test('the same texts give the same files, and pairs that occur once are not learnt', () => {
  expect(trainTokenizer(golden.texts, 400)).toEqual(trainTokenizer(golden.texts, 400));
  expect(learnt(['abcdef'], 300).merges).toEqual([]);
});

test.each([0, bytesAndMarks - 1, 300.5, Number.NaN])('a vocabulary of %d is refused', (vocabulary) => {
  expect(() => trainTokenizer([], vocabulary)).toThrow(CriaError);
});
