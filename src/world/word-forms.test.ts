import { expect, test } from 'vitest';
import { adjectives, nouns, verbs } from './lexicon/stems.ts';
import { type Form, formOf } from './word-forms.ts';

const dictionary: Readonly<Record<Form, string>> = {
  plural: 'fox-foxes church-churches dish-dishes glass-glasses city-cities day-days baby-babies cat-cats waltz-waltzes',
  past: 'walk-walked bake-baked carry-carried play-played stop-stopped rain-rained visit-visited rest-rested hug-hugged nod-nodded',
  participle:
    'walk-walking bake-baking carry-carrying stop-stopping open-opening dance-dancing plan-planning turn-turning',
  comparative: 'tall-taller large-larger happy-happier big-bigger thin-thinner clean-cleaner sad-sadder slow-slower',
  adverb: 'slow-slowly happy-happily safe-safely lucky-luckily quiet-quietly',
  agent: 'bake-baker rub-rubber help-helper dance-dancer carry-carrier play-player trip-tripper',
};

test('regular forms are spelled as a dictionary has them', () => {
  for (const [form, pairs] of Object.entries(dictionary) as [Form, string][]) {
    for (const [stem, expected] of pairs.split(' ').map((pair) => pair.split('-') as [string, string])) {
      expect(formOf(form, stem), `${form} of ${stem}`).toBe(expected);
    }
  }
});

test('no stem of the lists stands twice, and no forms of two stems are alike', () => {
  const lists = { plural: nouns, past: verbs, participle: verbs, comparative: adjectives, adverb: adjectives };
  for (const [form, stems] of Object.entries(lists) as [Form, readonly string[]][]) {
    expect(new Set(stems.map((stem) => formOf(form, stem))).size, form).toBe(stems.length);
  }
});
