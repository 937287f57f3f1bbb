import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { hdd, mattr, mtld } from './diversity.ts';
import { letterEncoder } from './encoders.ts';
import { languageOf, mixtureOf } from './language.ts';
import { keywordRecall, Lexicon, readWordLists, type WordLists } from './lexicon.ts';
import { isDegenerate, isRefusal } from './quality.ts';
import { expressiveness, paperWeights, Scorer } from './score.ts';
import { SentimentLexicon, squash } from './sentiment.ts';
import { fold, wordsOf } from './text.ts';

let lists: WordLists;
beforeAll(async () => {
  lists = await readWordLists();
});

const question = {
  id: 'q1',
  text: '¿Cómo se dice palomitas en tu país?',
  lang: undefined,
  country: ['EC'],
  topic: undefined,
};
const asked = { ...question, sourceUrl: undefined, license: undefined, terms: [] };
const reference = (text: string, id = 'r1') => {
  return { qid: 'q1', id, text, lang: undefined, set: id, consent: undefined, license: undefined };
};
const answer = (text: string, system = 'a') => ({ qid: 'q1', system, text, lang: undefined, truncated: undefined });

async function scorerOf(references: readonly string[], texts: readonly string[] = []) {
  const rows = references.map((text, i) => reference(text, `r${i + 1}`));
  const vectors = await letterEncoder.encode([...references, ...texts], references);
  return new Scorer({ questions: [asked], references: rows }, lists, vectors);
}

describe('CE (oracles 1 and 2)', () => {
  test('KF .5, dS .2, SS .7 give .67; the published gain is 42.9%', () => {
    expect(expressiveness(0.5, 0.2, 0.7, paperWeights)).toBeCloseTo(0.67, 12);
    expect(`${(((0.7 - 0.49) / 0.49) * 100).toFixed(1)}%`).toBe('42.9%');
  });

  test('an answer that is its only reference scores 1 in every part', async () => {
    const text = 'En Ecuador se le dice canguil, y es delicioso.';
    const score = (await scorerOf([text])).score(answer(text));
    expect([score.kf, score.ds]).toEqual([1, 0]);
    expect(score.ss).toBeCloseTo(1, 12);
    expect(score.ce).toBeCloseTo(1, 12);
  });

  test('an empty answer has KF 0, SS 0, s 0, and CE .3 (1 - |s_ref|)', async () => {
    const score = (await scorerOf(['En Ecuador se le dice canguil, y es delicioso.'])).score(answer(''));
    expect([score.kf, score.ss, score.s_sys]).toEqual([0, 0, 0]);
    expect(score.s_ref).toBeGreaterThan(0);
    expect(score.ce).toBeCloseTo(0.3 * (1 - Math.abs(score.s_ref)), 12);
  });

  test('without a keyword in its references a question has no KF and no CE', async () => {
    const score = (await scorerOf(['No lo sé.'], ['Nada.'])).score(answer('Nada.'));
    expect([score.kf, score.ce]).toEqual([null, null]);
    expect(score.ss).not.toBeNull();
  });

  test('CE stays within [0, 1]', () => {
    const unit = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(unit, unit, unit, (kf, ds, ss) => {
        const ce = expressiveness(kf, ds, ss) as number;
        expect(ce).toBeGreaterThanOrEqual(0);
        expect(ce).toBeLessThanOrEqual(1 + 1e-12);
      }),
    );
  });

  test('a further keyword of the question raises KF; case and accents leave it', async () => {
    const scorer = await scorerOf(['En Ecuador canguil, en Perú canchita, en México palomitas.'], ['x']);
    const kf = (text: string) => scorer.score(answer(text)).kf as number;
    expect(kf('canguil')).toBeLessThan(kf('canguil y palomitas'));
    expect(kf('PERU, MEXICO')).toBe(kf('perú, méxico'));
    expect(kf('Perú, México')).toBeCloseTo(2 / 6, 12);
  });
});

describe('keywords', () => {
  test('n with tilde and c with cedilla stay letters, other accents go', () => {
    expect(fold('Año PINGÜINO Ação São')).toBe('año pinguino açao sao');
    expect(wordsOf("Ch’aki mba'e, Argentina's ''guineo''")).toEqual(["ch'aki", "mba'e", 'argentina', 'guineo']);
  });

  const terms = [
    { term: 'arroz con leche', lang: 'es', variants: [], country: ['EC'], category: 'food', weight: 2 },
    { term: 'arroz', lang: 'es', variants: [], country: ['EC'], category: 'food', weight: 1 },
    { term: 'Brasil', lang: 'mul', variants: ['Brazil'], country: ['BR'], category: 'place', weight: 1 },
  ];

  test('the longest term wins, stems match, and a variant is its term', () => {
    const hits = new Lexicon(terms).find('Arroces con leche in Brazil');
    expect([...hits.keys()].map(({ term }) => term)).toEqual(['Brasil']); // Snowball: arroc, arroz
    expect([...new Lexicon(terms).find('arroz con leches').keys()].map(({ term }) => term)).toEqual([
      'arroz con leche',
    ]);
  });

  test('recall is weighted, and undefined where nothing is wanted', () => {
    const hits = new Lexicon(terms).find('arroz con leche');
    expect(keywordRecall(terms, hits)).toBe(2 / 4);
    expect(keywordRecall([], hits)).toBeUndefined();
  });

  test('the shipped list has 600 terms and more over 13 countries and more, each with source and licence', () => {
    expect(lists.lexicon.terms.length).toBeGreaterThan(600);
    const counts = new Map<string, number>();
    for (const { country } of lists.lexicon.terms)
      for (const each of country) counts.set(each, (counts.get(each) ?? 0) + 1);
    expect([...counts.values()].filter((count) => count >= 20).length).toBeGreaterThanOrEqual(13);
  });
});

describe('sentiment (oracle 3)', () => {
  const lexicon = new SentimentLexicon([
    { term: 'bueno', lang: 'es', valence: 4 },
    { term: 'good', lang: 'en', valence: 2 },
  ]);

  test('z = 4 gives 4 / sqrt(31); negation flips within three words, very counts more', () => {
    expect(squash(4)).toBeCloseTo(0.718421, 6);
    expect(lexicon.score('es bueno', 'es').value).toBeCloseTo(0.718421, 6);
    expect(lexicon.score('no es nada bueno', 'es').value).toBeCloseTo(squash(-0.74 * 4), 12);
    expect(lexicon.score('no, eso de allá es bueno', 'es').value).toBeCloseTo(squash(4), 12);
    expect(lexicon.score('muy bueno', 'es').value).toBeCloseTo(squash(5), 12);
    expect(lexicon.score('not very good', 'en').value).toBeCloseTo(squash(2 * 1.25 * -0.74), 12);
  });

  test('a text is read in its own language alone', () => {
    expect(lexicon.score('good', 'es').value).toBe(0);
    expect(lexicon.languageFor('good', ['es', 'en'])).toBe('en');
  });

  test('s .9 beside .6 below zero is misaligned by 1, clipped; half of it is .75', () => {
    expect(Math.min(1, Math.abs(0.9 - -0.6))).toBe(1);
    expect(Math.abs(0.9 - -0.6) / 2).toBe(0.75);
  });
});

describe('lexical diversity (oracle 4)', () => {
  test('HD-D: 42 types twice each, and 42 types', () => {
    expect(hdd(Array.from({ length: 84 }, (_, i) => `${i % 42}`))).toBeCloseTo(1 - (42 * 41) / (84 * 83), 12);
    expect(hdd(Array.from({ length: 42 }, (_, i) => `${i}`))).toBeCloseTo(1, 12);
    expect(hdd(['a', 'b'])).toBeUndefined();
  });

  test('MTLD and MATTR by hand', () => {
    const sentence = 'the cat sat on the mat and the dog sat'.split(' ');
    expect(mtld([...'abababababab'])).toBeCloseTo(3, 12);
    expect(mtld([...'abcabcab'])).toBeCloseTo(8, 12);
    expect(mtld(sentence)).toBeCloseTo(10, 12);
    expect(mattr(sentence, 5)).toBeCloseTo(0.9, 12);
    expect(mattr(sentence)).toBeCloseTo(0.7, 12);
    expect(mtld(['a', 'b', 'c'])).toBeUndefined();
  });
});

describe('language', () => {
  test.each([
    ['How racist is your country?', 'en'],
    ['¿Por qué hay tanta gente defendiendo a criminales?', 'es'],
    ['Não sei se isso é verdade, mas acho que sim', 'pt'],
    ['xyz', undefined],
  ])('%s is %s', (text, lang) => {
    expect(languageOf(text)).toBe(lang);
  });

  test('sentences are matched with the language of the question, and changes counted', () => {
    const text = 'This is the first one. Esto es lo que dicen en mi país. That was not what they said.';
    expect(mixtureOf(text, 'es')).toEqual({ match: 1 / 3, switches: 2 });
    expect(mixtureOf('xyz', 'es')).toEqual({ match: undefined, switches: 0 });
  });
});

describe('gates', () => {
  test('a text that loops is degenerate, another one and a short one are not', () => {
    expect(isDegenerate('I am happy that the USA is here. '.repeat(6))).toBe(true);
    expect(isDegenerate('One two three four five six seven eight nine ten eleven twelve')).toBe(false);
    expect(isDegenerate('no')).toBe(false);
  });

  test.each([
    ['As an AI assistant, I do not have feelings.', true],
    ["I'm just an AI, I don't have opinions", true],
    ['Como modelo de lenguaje, no puedo opinar', true],
    ['No puedo creer lo rico que es', false],
    ['The food is great', false],
  ])('%s refuses: %s', (text, refuses) => {
    expect(isRefusal(text)).toBe(refuses);
  });
});
