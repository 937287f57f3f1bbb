/**
 * The first numbers of `torch.randn(count)` after `torch.manual_seed(seed)` on the CPU, in float32 or float64: PEFT
 * starts its singular value decompositions from them, and its ranks show it.
 *
 * Pairs of uniform numbers, eight places apart, become normal by the Box-Muller transform; a count that is no multiple of
 * 16 has its last 16 drawn again. Fewer than 16 are drawn one pair after the other, in float64. (PyTorch,
 * aten/src/ATen/native/cpu/DistributionTemplates.h, normal_fill and normal_kernel)
 */
export function torchNormal(count: number, type: 'f32' | 'f64', seed: number): Float64Array {
  const bits = mersenneTwister(seed);
  const double = () => doubleOf(bits(), bits());
  if (count < 16) {
    const values = Float64Array.from({ length: count + (count % 2) }, double);
    for (let i = 0; i < values.length; i += 2) [values[i], values[i + 1]] = normals(values[i + 1], values[i]);
    return values.subarray(0, count);
  }
  const uniform = type === 'f32' ? () => (bits() & 0xffffff) / 2 ** 24 : double;
  const values = Float64Array.from({ length: count }, uniform);
  for (let from = 0; from + 16 <= count; from += 16) boxMuller(values.subarray(from, from + 16));
  if (count % 16 !== 0) {
    const last = values.subarray(count - 16);
    for (let i = 0; i < 16; i++) last[i] = uniform();
    boxMuller(last);
  }
  return values;
}

/** 53 random bits, as a number in [0, 1). */
const doubleOf = (high: number, low: number) => ((high & 0x1fffff) * 2 ** 32 + low) / 2 ** 53;

function boxMuller(sixteen: Float64Array): void {
  for (let i = 0; i < 8; i++) {
    [sixteen[i], sixteen[i + 8]] = normals(sixteen[i], sixteen[i + 8]);
  }
}

/** Two normal numbers from two uniform ones: the radius is drawn from the first, the angle from the second. */
function normals(first = 0, second = 0): [number, number] {
  const radius = Math.sqrt(-2 * Math.log(1 - first));
  const angle = 2 * Math.PI * second;
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

/** Random words of 32 bits. (Matsumoto and Nishimura 1998, MT19937) */
function mersenneTwister(seed: number): () => number {
  const size = 624;
  const state = new Uint32Array(size);
  state[0] = seed;
  for (let i = 1; i < size; i++) {
    const last = state[i - 1] as number;
    state[i] = Math.imul(1812433253, last ^ (last >>> 30)) + i;
  }
  const advance = () => {
    for (let i = 0; i < size; i++) {
      const joined = ((state[i] as number) & 0x80000000) | ((state[(i + 1) % size] as number) & 0x7fffffff);
      state[i] = (state[(i + 397) % size] as number) ^ (joined >>> 1) ^ (joined & 1 ? 0x9908b0df : 0);
    }
  };
  let next = size;
  return () => {
    if (next === size) {
      advance();
      next = 0;
    }
    let y = state[next++] as number;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  };
}
