import { CriaError, type Watch } from '../../base/index.ts';
import type { LoadedModel } from '../../model/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import { textWindows, type WindowOptions } from '../../train/index.ts';
import type { Objective } from './options.ts';

/** The windows of an objective's text: each of as many tokens. */
export interface Windows {
  readonly name: string;
  readonly windows: readonly (readonly number[])[];
}

/** Reads the windows of files. @throws CriaError when one has not a full window. */
export async function readWindows(
  files: readonly Objective[],
  tokenizer: Tokenizer,
  options: WindowOptions,
  { progress }: LoadedModel,
  { signal }: Watch,
): Promise<Windows[]> {
  const read: Windows[] = [];
  for (const { name, data } of files) {
    read.push({ name, windows: await textWindows(data, tokenizer, options, progress, signal) });
  }
  return read;
}

/** Reads NAME=FILE. @throws CriaError when it is not written so. */
export function objectiveFrom(text: string, where: string): Objective {
  const at = text.indexOf('=');
  const [name, data] = [text.slice(0, at), text.slice(at + 1)];
  if (at > 0 && data !== '' && /^[\w.-]+$/.test(name)) return { name, data };
  throw new CriaError(`'${text}' does not name an objective and its data`, {
    where,
    remedy: 'write it as NAME=FILE, with letters, digits, _, . and - in the name',
  });
}

/** @throws CriaError when two have one name, or a test has the name of no objective. */
export function checkNames(objectives: readonly Objective[], tests: readonly Objective[]): void {
  if (objectives.length === 0) throw new CriaError('no objective is given', { remedy: 'pass --objective NAME=FILE' });
  for (const [option, list] of Object.entries({ '--objective': objectives, '--test': tests })) {
    const twice = list.find(({ name }, i) => list.findIndex((other) => other.name === name) < i);
    if (twice)
      throw new CriaError(`two are called ${twice.name}`, { where: option, remedy: 'use each a name of its own' });
  }
  const names = objectives.map(({ name }) => name);
  const unknown = tests.find(({ name }) => !names.includes(name));
  const missing = tests.length > 0 ? names.find((name) => !tests.some((test) => test.name === name)) : undefined;
  if (unknown) {
    throw new CriaError(`${unknown.name} is not an objective`, { where: '--test', remedy: `use ${names.join(', ')}` });
  }
  if (missing !== undefined) {
    throw new CriaError(`${missing} has no test`, { where: '--test', remedy: `pass --test ${missing}=FILE` });
  }
}
