import { ApiError } from './errors.ts';

const deepest = 200;

/** What a JSON text spells. @throws ApiError (400) when it is none, or nested more deeply than its readers recurse. */
export function jsonOf(text: string): unknown {
  let depth = 0;
  for (const [mark] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[{\]}]/g)) {
    if (mark === '[' || mark === '{') depth++;
    else if (mark === ']' || mark === '}') depth--;
    if (depth > deepest) throw new ApiError(400, 'the body is nested too deeply');
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(400, 'the body is not JSON');
  }
}
