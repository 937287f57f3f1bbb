import type { Random } from '../../base/index.ts';
import { chance, drawUntil, fill, isHeldOut, pick } from '../draw.ts';
import { inventStem } from '../invent.ts';
import { adjectives, irregular, nouns, verbs } from '../lexicon/stems.ts';
import type { Skill } from '../types.ts';
import { type Form, formOf } from '../word-forms.ts';

const share = 0.1;

/** The stems of a form, and how it is asked for. */
const forms: Readonly<Record<Form, { readonly stems: readonly string[]; readonly asks: readonly string[] }>> = {
  plural: { stems: nouns, asks: ['plural of {a}:', 'one {a}, many'] },
  past: { stems: verbs, asks: ['past of {a}:', 'today they {a}, yesterday they'] },
  participle: { stems: verbs, asks: ['participle of {a}:', 'they {a} every day and now they are'] },
  comparative: { stems: adjectives, asks: ['comparative of {a}:', 'this one is {a}, that one is'] },
  adverb: { stems: adjectives, asks: ['adverb of {a}:', 'a {a} singer sings'] },
  agent: { stems: verbs, asks: ['agent of {a}:', 'one who likes to {a} is called a'] },
};
const names = Object.keys(forms) as Form[];
const analogy = '{c} is to {d} as {a} is to';
const mentions = ['they said {a} again', 'the word {a} is written here', 'I read {a} and you read {a}'];

interface Word {
  readonly form: Form;
  readonly stem: string;
  readonly answer: string;
}

/**
 * Forms of English words and of invented stems. Held out: a tenth of the pairs of a stem and a regular form. Such a
 * stem is in training as a word of sentences and in its other forms, never in the asked one.
 */
export const wordForms: Skill = {
  name: 'word-forms',
  row(random) {
    if (chance(random, 0.1)) return { text: fill(pick(random, mentions), { a: stemOf(random, pick(random, names)) }) };
    const word = chance(random, 0.08) ? drawIrregular(random) : drawRegular(random, pick(random, names), false);
    return ask(random, word);
  },
  tasks: { 'word-forms': (random) => ask(random, drawRegular(random, pick(random, names), true)) },
};

function ask(random: Random, { form, stem, answer }: Word) {
  const other = drawRegular(random, form, false);
  const template = pick(random, [...forms[form].asks, analogy]);
  return { prompt: fill(template, { a: stem, c: other.stem, d: other.answer }), completion: ` ${answer}` };
}

function drawRegular(random: Random, form: Form, held: boolean): Word {
  const stem = drawUntil(
    () => stemOf(random, form),
    (drawn) => isHeldOut(share, 'form', drawn, formOf(form, drawn)) === held,
  );
  return { form, stem, answer: formOf(form, stem) };
}

function drawIrregular(random: Random): Word {
  const form = pick(random, Object.keys(irregular) as Form[]);
  const [stem, answer] = pick(random, irregular[form] as readonly (readonly [string, string])[]);
  return { form, stem, answer };
}

function stemOf(random: Random, form: Form): string {
  if (chance(random, 0.4)) return pick(random, forms[form].stems);
  return drawUntil(
    () => inventStem(random),
    (stem) => !allIrregular.has(stem),
  );
}

const allIrregular: ReadonlySet<string> = new Set(
  Object.values(irregular).flatMap((list) => list.map(([stem]) => stem)),
);
