/**
 * The 12 bytes of Q4_K and Q5_K that hold 8 scales and 8 minima of 6 bits: those of groups 0 to 3 in the low bits
 * of bytes 0 to 7; of groups 4 to 7 the low four bits in bytes 8 to 11, the high two on top of bytes 0 to 7.
 */
export function readScale(bytes: Uint8Array, at: number, group: number): number {
  if (group < 4) return (bytes[at + group] as number) & 63;
  return ((bytes[at + group + 4] as number) & 15) | (((bytes[at + group - 4] as number) >> 6) << 4);
}

/** The minimum of `group`, in the same 12 bytes. */
export function readMinimum(bytes: Uint8Array, at: number, group: number): number {
  if (group < 4) return (bytes[at + group + 4] as number) & 63;
  return ((bytes[at + group + 4] as number) >> 4) | (((bytes[at + group] as number) >> 6) << 4);
}

/** Packs 8 scales and 8 minima, each below 64. */
export function writeScales(scales: Uint8Array, minima: Uint8Array, into: Uint8Array, at: number): void {
  for (let group = 0; group < 4; group++) {
    const [scale, minimum] = [scales[group + 4], minima[group + 4]] as [number, number];
    into[at + group] = (scales[group] as number) | ((scale >> 4) << 6);
    into[at + group + 4] = (minima[group] as number) | ((minimum >> 4) << 6);
    into[at + group + 8] = (scale & 15) | ((minimum & 15) << 4);
  }
}
