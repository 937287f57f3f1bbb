/** How answers are compared: normalised exact match, or the letter of a multiple choice. */
export type AnswerType = 'em' | 'mc';

/**
 * The form in which answers are compared. 'em': lower case, without punctuation and the articles a, an, the, single
 * spaces (SQuAD and HotpotQA's rule); what has nothing else stays as it is. 'mc': the first letter that stands alone, in upper case.
 */
export function normalised(answer: string, type: AnswerType): string {
  if (type === 'mc') return (/\b([A-Za-z])\b/.exec(answer)?.[1] ?? answer.trim()).toUpperCase();
  const words = answer
    .toLowerCase()
    .replace(/[\p{P}\p{S}]/gu, '')
    .replace(/\b(a|an|the)\b/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  return words === '' ? answer.trim().toLowerCase() : words;
}

/** Whether an answer is one of the right ones. */
export function isRight(answer: string, gold: readonly string[], type: AnswerType): boolean {
  const given = normalised(answer, type);
  return given !== '' && gold.some((each) => normalised(each, type) === given);
}
