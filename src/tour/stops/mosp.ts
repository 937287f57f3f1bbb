import { join } from 'node:path';
import { provenanceOf } from '../../artifact/index.ts';
import { randomFrom } from '../../base/index.ts';
import {
  frontDefaults,
  frontPage,
  type Objective,
  type Pareto,
  mosp as prune,
  readFront,
} from '../../methods/mosp/index.ts';
import type { Stop } from '../stop.ts';
import { writeRows } from '../train-lora.ts';
import { rowsOfSkill, tinyWorldSeed } from '../world.ts';

const share = 0.8;
const skills = ['facts', 'translation'] as const;
const [rowCount, samples, sequence] = [80, 8, 64];

/** Multilayer perceptrons pruned for two skills at once: three models of one sparsity, one for both and one for each. */
export const mosp: Stop = {
  name: 'mosp',
  title: 'It is pruned for two skills at once',
  async visit({ model, path, scratch, seed, signal, say }) {
    const random = randomFrom(seed);
    const filesOf = async (use: string): Promise<Objective[]> => {
      const files: Objective[] = [];
      for (const name of skills) {
        const data = join(scratch, `${name}-${use}.jsonl`);
        await writeRows(data, rowsOfSkill(tinyWorldSeed, name, rowCount, random));
        files.push({ name, data });
      }
      return files;
    };
    const [objectives, tests] = [await filesOf('calibration'), await filesOf('test')];
    const tokens = samples * sequence;
    say(`removing ${100 * share}% of its multilayer perceptrons by ${tokens} tokens each of ${skills.join(' and ')}`);
    const out = join(scratch, 'front');
    const options = {
      ...{ ...frontDefaults, objectives, tests, samples, sequence, points: 3, seed, write: 'none' },
      ...{
        sparsity: { kind: 'unstructured' as const, share },
        sparsityFor: [],
        keep: ['*.self_attn.*'],
        reprune: false,
      },
      ...{ guard: false, polish: false, baselines: [], resume: false, force: false },
    };
    await prune(model.loaded, model.tokenizer, out, options, provenanceOf('tour', path, { share }, seed), { signal });
    const { pareto, lines } = readFront(out);
    for (const line of saidOf(pareto)) say(line);
    const { basePerplexity, points } = pareto;
    return { figures: { basePerplexity, points }, parts: frontPage(pareto, lines).sections[0]?.parts ?? [] };
  },
};

function saidOf({ points, basePerplexity }: Pareto): string[] {
  const said = (name: string, metrics: Readonly<Record<string, number>>) =>
    `${name}: perplexity ${skills.map((skill) => `${(metrics[skill] ?? Number.NaN).toFixed(2)} of ${skill}`).join(', ')}`;
  const names = ['pruned for facts', 'pruned for both', 'pruned for translation'];
  return [said('unpruned', basePerplexity), ...points.map(({ metrics }, i) => said(names[i] ?? '', metrics))];
}
