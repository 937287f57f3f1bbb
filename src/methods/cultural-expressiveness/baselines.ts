import { permutation, randomFrom } from '../../base/index.ts';
import { mean, wilcoxon } from '../../statistics/index.ts';
import type { Dataset, Reference } from './dataset.ts';
import type { Score, Scorer } from './score.ts';
import { questionKey } from './text.ts';

/** What CE gives to answers whose worth is known: printed with every result, so that nobody reads a number alone. */
export interface Baseline {
  readonly name: 'human' | 'shuffled' | 'stuffed' | 'canned';
  readonly what: string;
  readonly scores: readonly Score[];
}

const canned =
  'América Latina es una región muy diversa: las opiniones y las experiencias cambian mucho de un país a otro, por su historia y su cultura.';

/**
 * People's own answers held against the others' (the ceiling, where a question has two references or more); answers of
 * people to another question (right style, wrong content); every keyword of the data in a row; one answer to everything.
 */
export function baselines(data: Dataset, scorer: Scorer, seed: number): Baseline[] {
  const { questions, references } = data;
  const others = shuffledPartners(data, seed);
  const stuffed = [...new Set(questions.flatMap(({ id }) => [...scorer.keywords(id)]))]
    .map(({ term }) => term)
    .join(', ');
  const answered = (qid: string, system: string, text: string, against?: readonly Reference[]) =>
    scorer.score({ qid, system, text, lang: undefined, truncated: undefined }, against);
  const of = (qid: string) => references.filter((reference) => reference.qid === qid);
  return [
    {
      name: 'human',
      what: 'a reference held against the other references of its question: the ceiling',
      scores: references.flatMap(({ qid, id, text }) => {
        const rest = of(qid).filter((other) => other.id !== id);
        return rest.length === 0 ? [] : [answered(qid, 'human', text, rest)];
      }),
    },
    {
      name: 'shuffled',
      what: 'a reference of another question: right style, wrong content',
      scores: [...others].flatMap(([qid, other]) => of(other).map(({ text }) => answered(qid, 'shuffled', text))),
    },
    {
      name: 'stuffed',
      what: 'every keyword of the data in a row',
      scores: questions.map(({ id }) => answered(id, 'stuffed', stuffed)),
    },
    {
      name: 'canned',
      what: `the same sentence to everything: “${canned}”`,
      scores: questions.map(({ id }) => answered(id, 'canned', canned)),
    },
  ];
}

/** The texts of the baselines that are not references: an encoder has to read them too. */
export function ownTexts(data: Dataset, scorer: Scorer): string[] {
  return [canned, stuffedText(data, scorer)].filter((text) => text !== '');
}

function stuffedText({ questions }: Dataset, scorer: Scorer): string {
  return [...new Set(questions.flatMap(({ id }) => [...scorer.keywords(id)]))].map(({ term }) => term).join(', ');
}

/** For each question another one, in a circle of random order. Questions that differ in spelling alone are not partners. */
function shuffledPartners({ questions }: Dataset, seed: number): Map<string, string> {
  const order = [...permutation(questions.length, randomFrom(seed))].map(
    (i) => questions[i] as (typeof questions)[number],
  );
  const partners = order.flatMap((question, i) => {
    const other = order[(i + 1) % order.length] as (typeof order)[number];
    return questionKey(other.text) === questionKey(question.text) ? [] : [[question.id, other.id] as const];
  });
  return new Map(partners);
}

/** Whether vectors tell whose answer belongs to a question. */
export interface Usability {
  readonly usable: boolean;
  /** One-sided: true pairs are not more similar than shuffled ones. */
  readonly p: number;
  readonly n: number;
  readonly trueMean: number;
  readonly shuffledMean: number;
  /** What was compared: references with each other, or answers with references where a question has one reference. */
  readonly between: 'references' | 'answers';
}

const usableBelow = 0.01;

/**
 * Compares the similarity of texts that belong together with that of texts that do not, question by question: SemSim
 * counts where the true pairs win with p < .01 (Wilcoxon, one-sided). @param rows baselines, and the answers' scores.
 */
export function usability(rows: readonly Baseline[], answers: readonly Score[]): Usability {
  const scoresOf = (name: Baseline['name']) => rows.find((row) => row.name === name)?.scores ?? [];
  const human = meanSimilarity(scoresOf('human'));
  const between = human.size > 0 ? 'references' : 'answers';
  const belonging = human.size > 0 ? human : meanSimilarity(answers);
  const shuffled = meanSimilarity(scoresOf('shuffled'));
  const shared = [...belonging.keys()].filter((qid) => shuffled.has(qid));
  const pairs = shared.map((qid) => [belonging.get(qid) as number, shuffled.get(qid) as number] as const);
  const { p, rankBiserial } = wilcoxon(pairs.map(([own, other]) => own - other));
  const oneSided = rankBiserial > 0 ? p / 2 : 1 - p / 2;
  return {
    usable: pairs.length > 0 && oneSided < usableBelow,
    p: oneSided,
    n: pairs.length,
    trueMean: pairs.length === 0 ? 0 : mean(pairs.map(([own]) => own)),
    shuffledMean: pairs.length === 0 ? 0 : mean(pairs.map(([, other]) => other)),
    between,
  };
}

function meanSimilarity(scores: readonly Score[]): Map<string, number> {
  const byQuestion = new Map<string, number[]>();
  for (const { qid, ss } of scores) if (ss !== null) byQuestion.set(qid, [...(byQuestion.get(qid) ?? []), ss]);
  return new Map([...byQuestion].map(([qid, values]) => [qid, mean(values)]));
}
