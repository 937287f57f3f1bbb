import { CriaError, permutation, type Random } from '../../base/index.ts';
import type { PromptPair } from './patching.ts';

/** What prompts are made of. */
export interface PromptParts {
  readonly beginning: number;
  readonly newline: number;
  /** Ids of natural text, or of words, from which filler is drawn. */
  readonly filler: readonly number[];
  /** Filler and entity together have this many tokens on each side of the new line. */
  readonly length: number;
}

/** Prompts of one entity, before it is decided what is asked after them. */
export interface EntityPrompts {
  /** Begin token, filler, entity, new line, the filler again, the entity's first token. */
  readonly clean: readonly number[];
  /** The same with other filler in place of filler and entity before the new line. */
  readonly corrupted: readonly number[];
  readonly entity: readonly number[];
}

/** How many tokens an entity may have. (Feucht et al. 2025, the authors' code) */
export const entityLengths = [2, 3, 4, 5] as const;

/**
 * A clean and a corrupted prompt of equal length, which end with the same tokens: filler, of which the last token
 * stood before the entity, and the entity's first token. No filler holds the entity's first token.
 */
export function entityPrompts(parts: PromptParts, entity: readonly number[], random: Random): EntityPrompts {
  const { beginning, newline, length } = parts;
  const [first] = entity as readonly [number];
  const filler = shuffledFiller(parts, length - entity.length, first, random);
  const other = shuffledFiller(parts, length, first, random);
  const ending = [newline, ...filler, first];
  return {
    clean: [beginning, ...filler, ...entity, ...ending],
    corrupted: [beginning, ...other, ...ending],
    entity,
  };
}

/** Asks for the entity's second token after the first: who writes the first with the rest in mind? */
export function conceptPair({ clean, corrupted, entity }: EntityPrompts): PromptPair {
  return { clean, corrupted, target: entity[1] as number };
}

/** Asks for the entity's first token after the filler: who copies the next token? */
export function tokenPair({ clean, corrupted, entity }: EntityPrompts): PromptPair {
  return { clean: clean.slice(0, -1), corrupted: corrupted.slice(0, -1), target: entity[0] as number };
}

/**
 * `count` entities, as many of each length as of any other, grouped by length: the next of a shuffled list, which
 * begins again at its end. @throws CriaError when none has 2 to 5 tokens.
 */
export function drawEntities(
  entities: readonly (readonly number[])[],
  count: number,
  random: Random,
  where: string,
): (readonly number[])[] {
  const byLength = entityLengths
    .map((length) => entities.filter((entity) => entity.length === length))
    .filter((some) => some.length > 0);
  if (byLength.length === 0) {
    throw new CriaError('no entity has 2 to 5 tokens', { where, remedy: 'pass --entities with longer names' });
  }
  return byLength.flatMap((some, i) => {
    const share = Math.floor((count + i) / byLength.length);
    const order = permutation(some.length, random);
    return Array.from({ length: share }, (_, j) => some[order[j % order.length] as number] as readonly number[]);
  });
}

/** Runs of 2 to 5 shuffled filler tokens, grouped by length: what is copied without a meaning. */
export function randomEntities(parts: PromptParts, count: number, random: Random): number[][] {
  return entityLengths.flatMap((length, i) =>
    Array.from({ length: Math.floor((count + i) / entityLengths.length) }, () =>
      shuffledFiller(parts, length, undefined, random),
    ),
  );
}

/** The first tokens from a random place of the filler on that are not `without`, shuffled. */
export function shuffledFiller(
  { filler }: PromptParts,
  count: number,
  without: number | undefined,
  random: Random,
): number[] {
  const start = Math.floor(random() * filler.length);
  const run: number[] = [];
  for (let i = 0; run.length < count && i < filler.length; i++) {
    const id = filler[(start + i) % filler.length] as number;
    if (id !== without) run.push(id);
  }
  if (run.length < count) {
    throw new CriaError(`the filler has ${run.length} tokens that serve, and prompts need ${count}`, {
      remedy: 'pass --filler with a longer text',
    });
  }
  return [...permutation(count, random)].map((i) => run[i] as number);
}
