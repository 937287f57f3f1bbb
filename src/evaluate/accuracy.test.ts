import { expect, test } from 'vitest';
import type { Value } from '../engine/index.ts';
import type { Forward } from '../model/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import { choiceAccuracy, matchAccuracy, type Reader, tokenAccuracy } from './accuracy.ts';
import type { Asked } from './task.ts';

const letters = [...' abcdefgh'];

/** A model that knows pairs of letters only: the logits after a letter are its row of a table. */
function pairModel(table: Readonly<Record<string, Readonly<Record<string, number>>>>): Reader {
  const size = letters.length;
  const rowAfter = (letter: string) => letters.map((next) => table[letter]?.[next] ?? 0);
  const rowsOf = (lastHidden: Float32Array) =>
    Array.from({ length: lastHidden.length / size }, (_, i) => {
      const id = lastHidden.subarray(i * size, (i + 1) * size).indexOf(1); // hidden states say which letter was read
      return rowAfter(letters[id] as string);
    });
  const forward: Forward = {
    plan: 'whole',
    async run(texts) {
      const seq = Math.max(...texts.map((ids) => ids.length));
      const data = new Float32Array(texts.length * seq * size);
      for (const [i, ids] of texts.entries()) for (const [j, id] of ids.entries()) data[(i * seq + j) * size + id] = 1;
      const lastHidden: Value<'f32'> = { dtype: 'f32', shape: [texts.length, seq, size], data };
      return { lastHidden: lastHidden, read: {} };
    },
    async likelihoods(lastHidden, targets) {
      const rows = rowsOf(lastHidden);
      return Float32Array.from(targets, (id, i) => {
        const row = rows[i] as number[];
        return (row[id] as number) - Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0));
      });
    },
    gradients: () => Promise.reject(new Error('no gradients')),
    logits: async (lastHidden) => Float32Array.from(rowsOf(lastHidden).flat()),
    async dispose() {},
  };
  const tokenizer = {
    encode: (text: string) => [...text].map((letter) => letters.indexOf(letter)),
    decode: (ids: readonly number[]) => ids.map((id) => letters[id]).join(''),
  } as unknown as Tokenizer;
  return { forward, tokenizer, context: 12 };
}

const ask = (text: string, answer: string, choices?: readonly string[]): Asked => {
  return { prompt: text, text, answer, choices, where: `row ${text}` };
};

const reader = pairModel({ ' ': { b: 3 }, b: { c: 3, ' ': 2 }, c: { d: 1 } });

test('an answer is right when each of its tokens is the likeliest after those before it', async () => {
  const { accuracy, n, rows } = await tokenAccuracy(reader, [ask('a', 'bc'), ask('aa', 'bd'), ask('a', 'b')]);
  expect(rows.map(({ got, correct }) => [got, correct])).toEqual([
    ['bc', true],
    ['bc', false],
    ['b', true],
  ]);
  expect([accuracy, n]).toEqual([2 / 3, 3]);
});

test('an answer is right by its tokens: the likeliest of them are read behind the right ones', async () => {
  // after b comes c, and after the answer's own a nothing is likelier than the first letter of all, the space
  const { rows } = await tokenAccuracy(reader, [ask('a', 'ba')]);
  expect(rows).toEqual([{ prompt: 'a', expected: 'ba', got: 'bc', correct: false }]);
});

test('the choice with the highest mean log-probability of its tokens is taken', async () => {
  // ' bcd' is less likely as a whole than ' e' (-5.54 against -4.13), and likelier a token (-1.39 against -2.06)
  const reader = pairModel({ ' ': { b: 1, e: 0.5 }, b: { c: 3, ' ': 2 }, c: { d: 1 } });
  const { rows } = await choiceAccuracy(reader, [ask('a', 'bcd', ['e', 'bcd']), ask('a', 'e', ['e', 'b'])]);
  expect(rows.map(({ got, correct }) => [got, correct])).toEqual([
    ['bcd', true],
    ['b', false],
  ]);
});

test('choices are asked for where there are none', async () => {
  await expect(choiceAccuracy(reader, [ask('a', 'b')])).rejects.toThrow('row a: has no choices');
});

test('a question that is longer than the context is named', async () => {
  const sentence = 'row aaaaaaaaaaa: the question and its answer have 13 tokens, more than the context of 12';
  await expect(tokenAccuracy(reader, [ask('aaaaaaaaaaa', 'b')])).rejects.toThrow(sentence);
});

test('a match is the first line that is written, without the spaces at its ends', async () => {
  const written: Record<string, string> = { one: ' Paris\nBerlin', two: '\n Paris.', three: '  Paris  ', four: '' };
  const questions = Object.keys(written).map((text) => ask(text, ' Paris'));
  const { accuracy, low, high, rows } = await matchAccuracy(questions, async (prompt) => written[prompt] as string);
  expect(rows.map(({ got, correct }) => [got, correct])).toEqual([
    ['Paris', true],
    ['Paris.', false],
    ['Paris', true],
    ['', false],
  ]);
  expect(accuracy).toBe(0.5);
  expect(low + high).toBeCloseTo(1, 12); // Wilson's interval of one half is symmetric
});
