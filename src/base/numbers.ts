/** A number with about three digits that count: 0.0123, 4.56, 78.9, 1234. */
export function figure(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

/** A size in binary units, as memory is told: 1.5 GiB. */
export const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
