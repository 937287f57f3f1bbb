/** A text's place among texts: one unit vector. */
export type Vector = Float64Array;

/** Texts to vectors. An encoder of which a text is not known gives undefined for it. */
export interface Encoder {
  /** What it is, for reports. */
  readonly name: string;
  /** Vectors of `texts`; `background` are the texts from which an encoder takes what all texts share. */
  encode(
    texts: readonly string[],
    background: readonly string[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, Vector>>;
}

/** The cosine of two vectors, 0 where one of them is zero. */
export function cosine(a: Vector, b: Vector): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa === 0 || bb === 0 ? 0 : Math.min(1, dot / Math.sqrt(aa * bb));
}

/** The mean of vectors. */
export function meanVector(vectors: readonly Vector[]): Vector {
  const mean = new Float64Array(vectors[0]?.length ?? 0);
  for (const vector of vectors)
    for (let i = 0; i < mean.length; i++) mean[i] = (mean[i] as number) + (vector[i] as number);
  return mean.map((value) => value / vectors.length);
}

/** Vectors without the mean of some of them: what every text shares tells none apart. */
export function centred(
  vectors: ReadonlyMap<string, Vector>,
  background: readonly string[],
): ReadonlyMap<string, Vector> {
  const shared = background.map((text) => vectors.get(text)).filter((vector) => vector !== undefined);
  if (shared.length < 2) return vectors;
  const centre = meanVector(shared);
  return new Map([...vectors].map(([text, vector]) => [text, vector.map((x, i) => x - (centre[i] as number))]));
}
