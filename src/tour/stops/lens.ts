import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CriaError, randomFrom } from '../../base/index.ts';
import { lensDefaults, lensPage, vectorArithmetic } from '../../methods/vector-arithmetic/index.ts';
import { analogyLines, entityNames, worldOf } from '../../world/index.ts';
import type { Seen, Stop, Visit } from '../stop.ts';
import { tinyWorldSeed } from '../world.ts';

const groups = 2; // of analogies: each takes a few seconds
const prompts = 32;
const length = 16; // tokens on either side: the lists of the world are short

/** Which heads copy meanings and which copy tokens, and arithmetic with words through them. */
export const lens: Stop = {
  name: 'lens',
  title: 'Its attention heads copy meanings and words',
  async visit(visit) {
    try {
      return await measured(visit);
    } catch (error) {
      if (!(error instanceof CriaError)) throw error;
      visit.say(error.message);
      return { figures: { refused: error.message }, parts: [{ kind: 'prose', text: error.message }] };
    }
  },
};

async function measured({ model, scratch, seed, progress, signal, say }: Visit): Promise<Seen> {
  const world = worldOf(tinyWorldSeed);
  const write = (name: string, lines: readonly string[]) => {
    const path = join(scratch, name);
    writeFileSync(path, `${lines.join('\n')}\n`);
    return path;
  };
  const tasks = [write('analogies.txt', lastGroups(analogyLines(world, randomFrom(seed))))];
  const entities = write('entities.txt', entityNames(world));
  const options = { ...lensDefaults, tasks, entities, prompts, length, seed };
  const result = await vectorArithmetic(model.loaded, model.tokenizer, options, { progress, signal });
  const { accuracy, lenses } = result;
  for (const kind of ['concept', 'token'] as const) {
    const names = lenses[kind].heads.map(({ layer, head }) => `${layer}.${head}`);
    say(`${kind} heads (layer.head): ${names.join(', ')}`);
  }
  const percent = (share: number) => `${(100 * share).toFixed(0)}%`;
  say(
    `analogies by arithmetic: raw ${percent(accuracy.raw)}, concept lens ${percent(accuracy.concept)}, ` +
      `token lens ${percent(accuracy.token)}, random heads ${percent(accuracy.random)}`,
  );
  return {
    figures: { accuracy },
    parts: lensPage(result, '').sections.flatMap(({ parts }) => parts),
  };
}

/** The lines of the last groups under their titles: words of two languages. */
function lastGroups(lines: readonly string[]): string[] {
  const starts = lines.flatMap((line, i) => (line.startsWith(':') ? [i] : []));
  return lines.slice(starts.at(-groups));
}
