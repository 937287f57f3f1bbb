/** A stream of uniform numbers in [0, 1) from one seed: the same seed gives the same stream on every machine. */
export type Random = () => number;

/**
 * Uniform numbers in [0, 1) with 32 random bits each, by sfc32 (C. Doty-Humphrey, PractRand),
 * seeded with splitmix32 and warmed up by 12 rounds. Seeds are whole numbers of up to 53 bits: what is above 32 of them
 * begins the counter, so that no two seeds give the same stream.
 */
export function randomFrom(seed: number): Random {
  const mix = splitmix32(seed);
  let [a, b, c, counter] = [mix(), mix(), mix(), (1 + Math.trunc(seed / 2 ** 32)) | 0];
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let round = 0; round < 12; round++) next();
  return next;
}

/** Standard normal numbers from uniform ones, by the Box-Muller transform. */
export function normalFrom(random: Random): Random {
  let spare: number | undefined;
  return () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}

/** A permutation of 0..count-1 (Fisher-Yates). */
export function permutation(count: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return order;
}

/** 32 bits of a text: FNV-1a over its UTF-16 units (Fowler, Noll, Vo). Of short texts the high bits are poor. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

function splitmix32(seed: number): () => number {
  let state = Math.trunc(seed) | 0; // the low 32 bits
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return z ^ (z >>> 15);
  };
}
