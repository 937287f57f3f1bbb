import { figure } from './numbers.ts';

/** A size in decimal units: 999 B, 1.23 GB. */
export function byteSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  return `${figure(bytes / 1000 ** power)} ${units[power]}`;
}

/** A length of time in its two largest units: 45s, 2m 05s, 1h 02m. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const [large, small, units] =
    whole < 3600
      ? [Math.floor(whole / 60), whole % 60, 'ms']
      : [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), 'hm'];
  return whole < 60 ? `${whole}s` : `${large}${units[0]} ${String(small).padStart(2, '0')}${units[1]}`;
}
