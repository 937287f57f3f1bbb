/**
 * Packs 8 scales and 8 minima, each below 64, into the 12 bytes that Q4_K and Q5_K have for them: those of groups 0 to 3 in the
 * low bits of bytes 0 to 7; of groups 4 to 7 the low four bits in bytes 8 to 11, the high two on top of bytes 0 to 7.
 */
export function writeScales(scales: Uint8Array, minima: Uint8Array, into: Uint8Array, at: number): void {
  for (let group = 0; group < 4; group++) {
    const [scale, minimum] = [scales[group + 4], minima[group + 4]] as [number, number];
    into[at + group] = (scales[group] as number) | ((scale >> 4) << 6);
    into[at + group + 4] = (minima[group] as number) | ((minimum >> 4) << 6);
    into[at + group + 8] = (scale & 15) | ((minimum & 15) << 4);
  }
}
