const words = 'Here is a random word in English: ';
const characters = 'Here is a random word/character: ';
const travel = 'She travelled to ';
const holiday = 'On vacation, we went to ';
const fan = 'I am a big fan of ';

/** What stands before a task's words, by a part of the task's name; the first that fits. (The authors' code) */
const prefixes: readonly (readonly [RegExp, string])[] = [
  [/currency/, 'You will have to pay in '],
  [/landmark|park/, holiday],
  [/capital-|city-in-state|country-capital|capital$/, travel],
  [/family/, 'Did you talk to her '],
  [/person|product/, fan],
  [/sentiment/, "Here's my take on this film: "],
  [/letter|next|prev/, characters],
  [/^gram\d|antonym|synonym|present-past|singular-plural|capitalize|word.length/, words],
];

/** What makes the words of a task unambiguous: the beginning of a sentence that they end; nothing for other tasks. */
export function prefixFor(task: string): string {
  return prefixes.find(([name]) => name.test(task))?.[1] ?? '';
}
