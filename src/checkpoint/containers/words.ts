import type { UniformBits } from './types.ts';

/** How codes [rows, columns] lie in 32-bit words: n = 32 / bits neighbours along an axis share one, the first lowest. */
export interface WordLayout {
  readonly rows: number;
  readonly columns: number;
  readonly bits: UniformBits;
  readonly along: 'rows' | 'columns';
  /** Words from one place along the axis to the next, a place being a row or column, or n of them along the packed axis. */
  readonly rowStride: number;
  readonly columnStride: number;
  readonly words: number;
}

/** Packs codes, one a byte. */
export function packWords(codes: Uint8Array, layout: WordLayout): Uint32Array {
  const packed = new Uint32Array(layout.words);
  visit(layout, (i, word, shift) => {
    packed[word] = (packed[word] as number) | ((codes[i] as number) << shift);
  });
  return packed;
}

/** The inverse of `packWords`. */
export function unpackWords(packed: Uint32Array, layout: WordLayout): Uint8Array {
  const codes = new Uint8Array(layout.rows * layout.columns);
  const mask = 2 ** layout.bits - 1;
  visit(layout, (i, word, shift) => {
    codes[i] = ((packed[word] as number) >>> shift) & mask;
  });
  return codes;
}

function visit(layout: WordLayout, at: (i: number, word: number, shift: number) => void): void {
  const { rows, columns, bits, along, rowStride, columnStride } = layout;
  const perWord = 32 / bits;
  const [inRow, inColumn] = along === 'rows' ? [perWord, 1] : [1, perWord];
  for (let row = 0; row < rows; row++) {
    const first = Math.floor(row / inRow) * rowStride;
    for (let column = 0; column < columns; column++) {
      const slot = (along === 'rows' ? row : column) % perWord;
      at(row * columns + column, first + Math.floor(column / inColumn) * columnStride, bits * slot);
    }
  }
}
