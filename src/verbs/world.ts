import { CriaError, randomFrom, writeFolderAtomically } from '../base/index.ts';
import { argument, defineVerb, forceOption, integer, text } from '../options/index.ts';
import type { World } from '../world/index.ts';

const defaultRows = 100_000;
const rowsForTokenizer = 30_000;

export const verb = defineVerb({
  arguments: { out: argument('the folder to write') },
  options: {
    tokens: integer('write training rows until they have this many tokens', { min: 1 }),
    rows: integer(`the number of training rows (default: ${defaultRows})`, { min: 1 }),
    vocabulary: integer('vocabulary size of the trained tokenizer', { default: 2048, min: 512, max: 65_536 }),
    mixture: text('skill weights that replace the defaults, in rows per hundred', { placeholder: 'skill=n,…' }),
    languages: integer('number of invented languages, at most 5', { default: 3, min: 1, max: 5 }),
    words: integer('words of each language, at most 179', { default: 80, min: 30, max: 179 }),
    force: forceOption,
  },
  examples: ['world tiny-world --tokens 15000000', 'world small-world --rows 1000 --seed 7 --json'],
  async run({ args, options, progress, signal, print }) {
    const { tokens, rows = tokens === undefined ? defaultRows : undefined } = options;
    const { vocabulary, languages, words, force, seed } = options;
    const { out: path } = args;
    const mixture = options.mixture === undefined ? undefined : await weightsIn(options.mixture);
    if (tokens !== undefined && rows !== undefined) {
      throw new CriaError('--tokens and --rows cannot be combined', { remedy: 'pass one of them' });
    }
    const { provenanceOf, writeTexts } = await import('../artifact/index.ts');
    const { openTokenizer, trainTokenizer } = await import('../tokenizer/index.ts');
    const { wholeDictionary, worldOf, writeWorld } = await import('../world/index.ts');

    const world = worldOf(seed, mixture, { languages, words });
    let written: Awaited<ReturnType<typeof writeWorld>> | undefined;
    await writeFolderAtomically(path, force, async (folder) => {
      const texts = await textsForTokenizer(worldOf(seed, {}, wholeDictionary));
      await writeTexts(folder, trainTokenizer(texts, vocabulary));
      const tokenizer = openTokenizer({ kind: 'folder', path: folder });
      const count = (text: string) => tokenizer.encode(text).length;
      written = await writeWorld(folder, world, { rows, tokens }, count, { progress, signal });
      const provenance = provenanceOf(
        'world',
        `the world of seed ${seed}`,
        { tokens, rows, vocabulary, mixture, languages, words },
        seed,
      );
      await writeTexts(folder, { 'cria.json': `${JSON.stringify(provenance, undefined, 2)}\n` });
    });
    print(`${path}: ${written?.rows} rows, ${written?.tokens} tokens\n`);
    return { path, vocabulary, ...written };
  },
});

/** The weights in `copying=10,sums=20`. @throws CriaError for a skill that is none, or a weight that is none. */
async function weightsIn(given: string): Promise<Record<string, number>> {
  const { mixture } = await import('../world/index.ts');
  const weights = given.split(',').map((part): [string, number] => {
    const [, name = '', weight] = /^([a-z-]+)=(\d{1,6}(?:\.\d{1,6})?)$/.exec(part) ?? [];
    if (name in mixture) return [name, Number(weight)];
    const remedy = `for example copying=10,sums=20; skills: ${Object.keys(mixture).join(', ')}`;
    throw new CriaError(`'${part}' is not a skill with a weight`, { where: '--mixture', remedy });
  });
  const all = { ...mixture, ...Object.fromEntries(weights) };
  if (Object.values(all).some((weight) => weight > 0)) return Object.fromEntries(weights);
  throw new CriaError('has no positive weight', { where: '--mixture', remedy: 'give one skill a weight above 0' });
}

/** Rows of their own, in the usual mixture and of every language: the tokenizer of a seed is always the same. */
async function textsForTokenizer(world: World): Promise<string[]> {
  const { drawRow, textsOf } = await import('../world/index.ts');
  const random = randomFrom(world.seed);
  return Array.from({ length: rowsForTokenizer }, () => textsOf(drawRow(world, random).row)).flat();
}
