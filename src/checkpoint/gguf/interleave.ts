/**
 * Hugging Face rotates dimension i of a head together with i + head/2; llama.cpp, for the llama architecture, 2i with
 * 2i + 1. So the rows of the query and key projections of each head stand in another order in a GGUF file.
 */

/** Where row `row` (of the Hugging Face order) of projections with heads of `headSize` rows is in a GGUF file. */
function interleavedRow(row: number, headSize: number): number {
  const within = row % headSize;
  const half = headSize / 2;
  return row - within + (within < half ? 2 * within : 2 * (within - half) + 1);
}

/** Rows of whole heads, `rowBytes` each, from the Hugging Face order to GGUF's. */
export function interleave(rows: Uint8Array, rowBytes: number, headSize: number): Uint8Array {
  const into = new Uint8Array(rows.length);
  for (let row = 0; row * rowBytes < rows.length; row++) {
    into.set(rows.subarray(row * rowBytes, (row + 1) * rowBytes), interleavedRow(row, headSize) * rowBytes);
  }
  return into;
}

/** The inverse of `interleave`. */
export function deinterleave(rows: Uint8Array, rowBytes: number, headSize: number): Uint8Array {
  const into = new Uint8Array(rows.length);
  for (let row = 0; row * rowBytes < rows.length; row++) {
    const from = interleavedRow(row, headSize) * rowBytes;
    into.set(rows.subarray(from, from + rowBytes), row * rowBytes);
  }
  return into;
}
