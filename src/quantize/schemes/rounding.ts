const magic = 1.5 * 2 ** 52; // float64 has no fraction bits left here: adding it rounds to whole numbers

/** The nearest whole number, ties to even, of magnitude below 2^51. */
export const nearestEven = (value: number): number => value + magic - magic;
