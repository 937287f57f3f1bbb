import type { Random } from '../base/index.ts';
import { type WorldRow, worldOf } from '../world/index.ts';

/** The seed of the world that cria-tiny was trained on (models/cria-tiny/recipe.json). */
export const tinyWorldSeed = 0;

/** Rows that teach one skill of the world of a seed. */
export function rowsOfSkill(seed: number, skill: string, count: number, random: Random): WorldRow[] {
  const found = worldOf(seed).skills.filter(({ name }) => name === skill);
  return found.flatMap(({ row }) => Array.from({ length: count }, () => row(random)));
}
