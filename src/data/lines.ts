import { createReadStream } from 'node:fs';
import { CriaError, readError } from '../base/index.ts';

const longestLine = 16 * 2 ** 20; // characters
const bytesAtOnce = 2 ** 20;

/**
 * The lines of a text file in UTF-8, without their ends; one piece of the file is held at a time.
 * @throws CriaError when the file cannot be read, is not UTF-8, or has a line above 16 Mi characters.
 */
export async function* linesOf(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  try {
    for await (const bytes of createReadStream(path, { highWaterMark: bytesAtOnce })) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
      rest = lines.pop() as string;
      if (rest.length > longestLine) {
        throw new CriaError(`has a line of more than ${longestLine} characters`, { where: path, remedy: 'split it' });
      }
      for (const line of lines) yield line.replace(/\r$/, '');
    }
    rest += decoder.decode();
  } catch (error) {
    throw readError(error, path);
  }
  if (rest !== '') yield rest;
}
