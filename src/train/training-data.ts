import { createHash } from 'node:crypto';
import { hashOfInput, type Provenance } from '../artifact/index.ts';
import { CriaError } from '../base/index.ts';
import { type Example, type Form, type Pair, type Reading, readExamples, readPairs } from './examples.ts';

/** What is trained on: a data file, or examples or pairs in memory. */
export type TrainingData = string | readonly Example[] | readonly Pair[];

/** What messages call the data. */
export const dataName = (data: TrainingData): string => (typeof data === 'string' ? data : 'the examples in memory');

/** The examples of a file or in memory, and the forms of a file's rows. @throws CriaError as readExamples. */
export async function examplesOf(
  data: TrainingData,
  reading: Reading,
): Promise<{ readonly forms: ReadonlySet<Form>; readonly examples: readonly Example[] }> {
  if (typeof data === 'string') return readExamples(data, reading);
  const examples = data.filter((each): each is Example => 'ids' in each);
  if (examples.length < data.length) throw new CriaError('preference pairs require --loss dpo');
  if (examples.length === 0) throw new CriaError('is empty', { where: dataName(data) });
  return { forms: new Set(), examples };
}

/** The pairs of a file or in memory. @throws CriaError as readPairs. */
export async function pairsOf(data: TrainingData, reading: Reading): Promise<readonly Pair[]> {
  if (typeof data === 'string') return readPairs(data, reading);
  const pairs = data.filter((each): each is Pair => 'chosen' in each);
  if (pairs.length < data.length) throw new CriaError('--loss dpo requires preference pairs');
  if (pairs.length === 0) throw new CriaError('is empty', { where: dataName(data) });
  return pairs;
}

/** A hash of the data, by which a resumed run recognises it. @throws CriaError when a file cannot be read. */
export async function contentOf(data: TrainingData, provenance: Provenance): Promise<string> {
  if (typeof data === 'string') return hashOfInput(provenance, data);
  return hashOf(data);
}

/** A hash of examples or pairs. */
export function hashOf(data: Exclude<TrainingData, string>): string {
  const hash = createHash('sha256');
  for (const each of data) hash.update(`${JSON.stringify(each)}\n`);
  return hash.digest('hex');
}
