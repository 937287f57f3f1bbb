import { CriaError, randomFrom, writeFolderAtomically } from '../../base/index.ts';
import type { World } from '../../world/index.ts';
import { argument, integer } from '../options.ts';
import { forceOption } from '../shared-options.ts';
import { defineVerb } from '../verb.ts';

const defaultRows = 100_000;
const rowsForTokenizer = 30_000;

export const verb = defineVerb({
  arguments: { out: argument('the folder to write') },
  options: {
    tokens: integer('training rows until they have so many tokens', { min: 1 }),
    rows: integer(`the number of training rows (default: ${defaultRows})`, { min: 1 }),
    vocabulary: integer('tokens of the tokenizer that is learnt for it', { default: 2048, min: 512, max: 65_536 }),
    force: forceOption,
  },
  examples: ['world tiny-world --tokens 15000000', 'world small-world --rows 1000 --seed 7 --json'],
  async run({ args, options, progress, signal, print }) {
    const { tokens, rows = tokens === undefined ? defaultRows : undefined, vocabulary, force, seed } = options;
    const { out: path } = args;
    if (tokens !== undefined && rows !== undefined) {
      throw new CriaError('--tokens and --rows both say how much to write', { remedy: 'give one of them' });
    }
    const { originOf, writeTexts } = await import('../../artifact/index.ts');
    const { openTokenizer, trainTokenizer } = await import('../../tokenizer/index.ts');
    const { worldOf, writeWorld } = await import('../../world/index.ts');

    const world = worldOf(seed);
    let written: Awaited<ReturnType<typeof writeWorld>> | undefined;
    await writeFolderAtomically(path, force, async (folder) => {
      const texts = await textsForTokenizer(world);
      await writeTexts(folder, trainTokenizer(texts, vocabulary));
      const tokenizer = openTokenizer({ kind: 'folder', path: folder });
      const count = (text: string) => tokenizer.encode(text).length;
      written = await writeWorld(folder, world, { rows, tokens }, count, { progress, signal });
      const origin = originOf('world', `the world of seed ${seed}`, { tokens, rows, vocabulary }, seed);
      await writeTexts(folder, { 'cria.json': `${JSON.stringify(origin, undefined, 2)}\n` });
    });
    print(`${path}: ${written?.rows} rows, ${written?.tokens} tokens\n`);
    return { path, vocabulary, ...written };
  },
});

/** Rows of their own, in the mixture of training. */
async function textsForTokenizer(world: World): Promise<string[]> {
  const { drawRow, textsOf } = await import('../../world/index.ts');
  const random = randomFrom(world.seed);
  return Array.from({ length: rowsForTokenizer }, () => textsOf(drawRow(world, random).row)).flat();
}
