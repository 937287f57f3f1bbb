import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutTo, messagesFor } from './answers.ts';
import type { Question } from './dataset.ts';
import { foldsOf, topicFrom } from './folds.ts';
import { questionKey } from './text.ts';

const question = (id: string, text: string, topic?: string): Question => {
  return { id, text, topic, lang: undefined, country: [], sourceUrl: undefined, license: undefined, terms: [] };
};
const term = (category: string) => {
  return { term: category, lang: 'es', variants: [], country: [], category, weight: 1 };
};

const sets = fc
  .array(fc.record({ word: fc.integer({ min: 0, max: 30 }), topic: fc.constantFrom('food', 'music', 'slang') }), {
    minLength: 2,
    maxLength: 40,
  })
  .map((rows) =>
    rows.map(({ word, topic }, i) =>
      question(`q${i}`, `¿${word % 2 ? 'Qué' : 'que'} ${word}?`.replace(/\d+/, 'x'.repeat(word + 1)), topic),
    ),
  );

test('folds part the questions: each in one, none empty, and spellings of one question together', () => {
  fc.assert(
    fc.property(sets, fc.integer({ min: 2, max: 8 }), (questions, count) => {
      const different = new Set(questions.map(({ text }) => questionKey(text))).size;
      fc.pre(count <= different);
      const folds = foldsOf(questions, ({ topic }) => topic ?? '', count);
      expect(folds).toHaveLength(count);
      expect(folds.flat().toSorted()).toEqual(questions.map(({ id }) => id).toSorted());
      expect(folds.every(({ length }) => length > 0)).toBe(true);
      const foldOf = new Map(folds.flatMap((fold, i) => fold.map((id) => [id, i] as const)));
      for (const a of questions) {
        for (const b of questions) {
          if (questionKey(a.text) === questionKey(b.text)) expect(foldOf.get(a.id)).toBe(foldOf.get(b.id));
        }
      }
    }),
  );
});

test('54 different questions make six folds of nine, topics side by side', () => {
  const questions = Array.from({ length: 54 }, (_, i) =>
    question(`q${i}`, `¿${'a'.repeat(i + 1)}?`, ['food', 'music'][i % 2]),
  );
  const folds = foldsOf(questions, ({ topic }) => topic ?? '', 6);
  expect(folds.map(({ length }) => length)).toEqual([9, 9, 9, 9, 9, 9]);
  const topics = folds.map((fold) => new Set(fold.map((id) => questions.find((each) => each.id === id)?.topic)).size);
  expect(topics).toEqual([1, 1, 1, 1, 1, 1]);
});

test.each([1, 4, 2.5])('%f folds of three questions are refused', (count) => {
  const questions = ['a', 'b', 'c'].map((text) => question(text, text));
  expect(() => foldsOf(questions, () => '', count)).toThrow(`--folds: ${count} folds of 3 different questions`);
});

test('a topic is told, or what most keywords are about, places apart', () => {
  expect(topicFrom(question('q', 'x', 'music'), [term('food')])).toBe('music');
  expect(topicFrom(question('q', 'x'), ['place', 'place', 'slang', 'food', 'food'].map(term))).toBe('food');
  expect(topicFrom(question('q', 'x'), [term('place')])).toBe('other');
});

test('a prompt has a system line in the language of the question, and shots as earlier turns', () => {
  const messages = messagesFor('O que é?', 'pt', { shots: [['¿Y?', 'Nada.']] });
  expect(messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user']);
  expect(messages[0]?.content).toMatch(/^Responda/);
  expect(messagesFor('What?', 'en', { plain: true })).toEqual([{ role: 'user', content: 'What?' }]);
});

test('a text is cut behind a number of words, its spaces as they are', () => {
  expect(cutTo('one two\nthree four', 3)).toBe('one two\nthree');
  expect(cutTo('one', 3)).toBe('one');
});
