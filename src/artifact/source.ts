import { CriaError, type Progress } from '../base/index.ts';
import type { Checkpoint, StoredType } from '../checkpoint/index.ts';
import { openTokenizer, type Tokenizer } from '../tokenizer/index.ts';

/** Whether a tensor holds weights: integers and booleans are carried over as they are. */
export function isWeight(type: StoredType): boolean {
  return !['I64', 'I32', 'I16', 'I8', 'U8', 'BOOL'].includes(type);
}

/** The checkpoint's tokenizer, or undefined, and said, where it has none. */
export function tokenizerOf({ tokenizer, generation }: Checkpoint, progress: Progress): Tokenizer | undefined {
  try {
    return openTokenizer(tokenizer, generation);
  } catch (error) {
    if (!(error instanceof CriaError)) throw error;
    progress.note(`Written without a tokenizer: ${error.message}`);
    return undefined;
  }
}
