import { CriaError } from '../../base/index.ts';
import type { Row } from '../../data/index.ts';

// Readers of the fields of a row. An absent field, null and an empty text are undefined where a field may be absent.

/** A text that has to be there, by one of its names. @throws CriaError when it is missing or no text. */
export function textOf(row: Row, ...names: string[]): string {
  const value = optionalText(row, ...names);
  if (value !== undefined) return value;
  const has = Object.keys(row.values).slice(0, 8).join(', ');
  throw new CriaError(`has no ${names[0]}`, { where: row.where, remedy: `its fields are ${has || 'none'}` });
}

export function optionalText(row: Row, ...names: string[]): string | undefined {
  const value = fieldOf(row, names);
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  throw new CriaError(`its ${names[0]} is not a text`, { where: row.where });
}

/** A list of texts; one text is a list of it, parted at commas. */
export function textsOf(row: Row, ...names: string[]): string[] {
  const value = fieldOf(row, names);
  if (value === undefined || value === null || value === '') return [];
  if (typeof value === 'string') return value.split(',').map((each) => each.trim());
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value;
  throw new CriaError(`its ${names[0]} is not a list of texts`, { where: row.where });
}

/** A number within a range; `fallback` where there is none. */
export function numberOf(row: Row, name: string, [low, high]: readonly [number, number], fallback?: number): number {
  const value = row.values[name];
  if ((value === undefined || value === null) && fallback !== undefined) return fallback;
  if (typeof value === 'number' && value >= low && value <= high) return value;
  throw new CriaError(`its ${name} is not a number from ${low} to ${high}`, { where: row.where });
}

export function optionalFlag(row: Row, name: string): boolean | undefined {
  const value = row.values[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'boolean') return value;
  throw new CriaError(`its ${name} is not true or false`, { where: row.where });
}

function fieldOf({ values }: Row, names: readonly string[]): unknown {
  return values[names.find((name) => Object.hasOwn(values, name)) ?? ''];
}
