import type { PreTokenizerStep, SplitBehavior } from './definition.ts';
import { compilePattern } from './pattern.ts';

/** Cuts a text into the pieces that are merged each by itself. `first`: the text starts where the whole text does. */
type Splitter = (text: string, first: boolean) => string[];

/** The pre-tokenizer: every step is applied to every piece of the step before. */
export function splitter(steps: readonly PreTokenizerStep[], where: string): Splitter {
  const parts = steps.map((step) => compile(step, where));
  return (text, first) => {
    let pieces = [text];
    for (const part of parts) {
      const next: string[] = [];
      pieces.forEach((piece, index) => {
        part(piece, first && index === 0, next);
      });
      pieces = next;
    }
    return pieces;
  };
}

type Part = (piece: string, first: boolean, out: string[]) => void;

function compile(step: PreTokenizerStep, where: string): Part {
  switch (step.kind) {
    case 'split': {
      const pattern = compilePattern(step.pattern, where);
      return (piece, _, out) => split(piece, pattern, step.keep, out);
    }
    case 'prefix-space':
      return (piece, _, out) => void out.push(piece.startsWith(' ') ? piece : ` ${piece}`);
    case 'metaspace':
      return (piece, first, out) => {
        const text = piece.replaceAll(' ', '▁');
        const prefixed = step.prepend === 'always' || (step.prepend === 'first' && first);
        out.push(prefixed && !text.startsWith('▁') ? `▁${text}` : text);
      };
  }
}

/** Appends the pieces of `text`: matches of `pattern` and the gaps between them. */
function split(text: string, pattern: RegExp, keep: SplitBehavior, out: string[]): void {
  let last: 'match' | 'gap' | undefined;
  const put = (piece: string, is: 'match' | 'gap'): void => {
    if (piece === '') return;
    if (joins[keep] === `${last} ${is}`) out[out.length - 1] += piece;
    else if (dropped[keep] !== is) out.push(piece);
    last = is;
  };
  let end = 0;
  for (const found of text.matchAll(pattern)) {
    put(text.slice(end, found.index), 'gap');
    put(found[0], 'match');
    end = found.index + found[0].length;
  }
  put(text.slice(end), 'gap');
}

/** The neighbours that become one piece. */
const joins: Partial<Record<SplitBehavior, string>> = {
  'with-previous': 'gap match',
  'with-next': 'match gap',
  contiguous: 'match match',
};

const dropped: Partial<Record<SplitBehavior, 'match' | 'gap'>> = { removed: 'match', only: 'gap' };
