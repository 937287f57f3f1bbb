import type { Dataset, Response } from './dataset.ts';
import { languageOf } from './language.ts';
import { refusals } from './lexicon/refusals.ts';
import { fold, questionKey, wordsOf } from './text.ts';

/** What is wrong with one answer. */
export type Flag = 'degenerate' | 'refused' | 'language-mismatch' | 'truncated' | 'low-coverage';

export interface SystemQuality {
  /** Questions asked. */
  readonly items: number;
  /** Answers that are not empty. */
  readonly filled: number;
  /** Different answers. */
  readonly distinct: number;
  readonly flags: readonly string[];
  /** Answers with each flag. */
  readonly answers: Readonly<Record<string, number>>;
}

const [leastDistinct, leastFilled, mostFlagged] = [0.5, 0.9, 0.2]; // shares, of the contract
const [longestRun, leastTrigrams] = [5, 0.3]; // spec 3.7

/** Whether a text loops: a 6-gram stands in it five times or more, or fewer than 30% of its trigrams differ. */
export function isDegenerate(text: string): boolean {
  const words = wordsOf(text);
  const counts = new Map<string, number>();
  for (const gram of grams(words, 6)) counts.set(gram, (counts.get(gram) ?? 0) + 1);
  const trigrams = grams(words, 3);
  const loops = [...counts.values()].some((count) => count >= longestRun);
  return loops || (trigrams.length > 0 && new Set(trigrams).size / trigrams.length < leastTrigrams);
}

function grams(words: readonly string[], size: number): string[] {
  return Array.from({ length: Math.max(0, words.length - size + 1) }, (_, i) => words.slice(i, i + size).join(' '));
}

/** Whether a text declines to answer, or speaks of itself as a machine first: patterns in Spanish, Portuguese, English. */
export function isRefusal(text: string): boolean {
  const start = fold(text.replaceAll('’', "'").trim()).slice(0, 300);
  return refusals.some((pattern) => pattern.test(start));
}

/** The flags of an answer to a question in `lang`. */
export function flagsOf({ text, truncated, lang }: Response, asked: string | undefined): Flag[] {
  const own = lang ?? languageOf(text);
  return [
    ...(isDegenerate(text) ? ['degenerate' as const] : []),
    ...(isRefusal(text) ? ['refused' as const] : []),
    ...(asked !== undefined && own !== undefined && own !== asked ? ['language-mismatch' as const] : []),
    ...(truncated ? ['truncated' as const] : []),
  ];
}

/** The language in which each question is asked, by its id. */
export function questionLanguages({ questions }: Pick<Dataset, 'questions'>): Map<string, string | undefined> {
  return new Map(questions.map(({ id, text, lang }) => [id, lang ?? languageOf(text)]));
}

/** The gates that each system passes or not: run before any score. */
export function systemQuality(data: Dataset): Record<string, SystemQuality> {
  const asked = questionLanguages(data);
  const of = (system: string): SystemQuality => {
    const filled = data.responses.filter((each) => each.system === system && each.text !== '');
    const distinct = new Set(filled.map(({ text }) => text)).size;
    const flags = filled.flatMap((response) => flagsOf(response, asked.get(response.qid)));
    const answers: Record<string, number> = {};
    for (const flag of flags) answers[flag] = (answers[flag] ?? 0) + 1;
    return {
      items: data.questions.length,
      filled: filled.length,
      distinct,
      flags: [
        ...(distinct < leastDistinct * filled.length ? ['few-distinct'] : []),
        ...(filled.length < leastFilled * data.questions.length ? ['incomplete'] : []),
        ...Object.keys(answers).filter((flag) => (answers[flag] as number) > mostFlagged * filled.length),
      ],
      answers,
    };
  };
  return Object.fromEntries(data.systems.map((system) => [system, of(system)]));
}

/** Questions that differ in spelling alone, by the ids of each group: they must not stand on both sides of a split. */
export function sameQuestions({ questions }: Pick<Dataset, 'questions'>): string[][] {
  const groups = new Map<string, string[]>();
  for (const { id, text } of questions) {
    const key = questionKey(text);
    groups.set(key, [...(groups.get(key) ?? []), id]);
  }
  return [...groups.values()].filter(({ length }) => length > 1);
}
