/** A dense matrix, row-major. */
export interface Matrix<Data extends Float32Array | Float64Array = Float64Array> {
  readonly rows: number;
  readonly columns: number;
  readonly data: Data;
}

/** A matrix of zeros, or of the given elements. */
export function matrix(rows: number, columns: number, elements?: readonly number[]): Matrix {
  return { rows, columns, data: elements ? Float64Array.from(elements) : new Float64Array(rows * columns) };
}

/** a b, in float64 and in the order of its definition: for small matrices. */
export function multiply(a: Matrix, b: Matrix): Matrix {
  const product = matrix(a.rows, b.columns);
  for (let i = 0; i < a.rows; i++) {
    const row = product.data.subarray(i * b.columns, (i + 1) * b.columns);
    for (let k = 0; k < a.columns; k++) {
      const factor = a.data[i * a.columns + k] as number;
      if (factor === 0) continue; // half of a triangle
      const from = k * b.columns;
      for (let j = 0; j < row.length; j++) row[j] = (row[j] as number) + factor * (b.data[from + j] as number);
    }
  }
  return product;
}

/** The matrix with rows and columns exchanged. */
export function transposed<Data extends Float32Array | Float64Array>({
  rows,
  columns,
  data,
}: Matrix<Data>): Matrix<Data> {
  const transposed = data.slice() as Data;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) transposed[j * rows + i] = data[i * columns + j] as number;
  }
  return { rows: columns, columns: rows, data: transposed };
}

export function identity(size: number): Matrix {
  const ones = matrix(size, size);
  for (let i = 0; i < size; i++) ones.data[i * size + i] = 1;
  return ones;
}
