import type { Random } from '../base/index.ts';
import { fnv1a } from '../base/index.ts';

/** A whole number from `low` to `high`, both included. */
export function between(random: Random, low: number, high: number): number {
  return low + Math.floor(random() * (high - low + 1));
}

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)] as T;
}

/** `count` different places of a list, or all of a shorter one, in random order. */
export function several<T>(random: Random, items: readonly T[], count: number): T[] {
  const rest = [...items];
  return Array.from({ length: Math.min(count, rest.length) }, () => {
    const at = Math.floor(random() * rest.length);
    const item = rest[at] as T;
    rest[at] = rest.at(-1) as T;
    rest.pop();
    return item;
  });
}

export function chance(random: Random, probability: number): boolean {
  return random() < probability;
}

const mostDraws = 100_000;

/** Draws until one is accepted. */
export function drawUntil<T>(draw: () => T, accepted: (drawn: T) => boolean): T {
  for (let i = 0; i < mostDraws; i++) {
    const drawn = draw();
    if (accepted(drawn)) return drawn;
  }
  throw new Error('nothing that is drawn is accepted');
}

/** Whether the combination of these parts is kept from training: true for about `share` of all combinations. */
export function isHeldOut(share: number, ...parts: readonly (string | number)[]): boolean {
  return hash(parts.join('|')) / 2 ** 32 < share;
}

/** FNV-1a over UTF-16 units, mixed by the finalizer of MurmurHash3, because FNV's high bits are poor on short texts. */
export function hash(text: string): number {
  let state = fnv1a(text);
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return (state ^ (state >>> 16)) >>> 0;
}

/** `{a} is {b}` with the values of a and b in it. */
export function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => values[name] as string);
}
