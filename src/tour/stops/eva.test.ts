import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../test/hostile.ts';
import { tinyModel } from '../../../test/train/tiny.ts';
import { silent } from '../../base/index.ts';
import { open } from '../../index.ts';
import { page } from '../../report/index.ts';
import type { Visit } from '../stop.ts';
import { eva } from './eva.ts';

test('the stop shows ranks of the same budget, and the loss of two trainings on the same batches', async () => {
  const path = await tinyModel({ max_position_embeddings: 96 });
  const model = await open(path, { threads: 1, precision: 'f32' });
  const said: string[] = [];
  const visit: Visit = {
    ...{ model, path, scratch: temporaryFolder(), seed: 0, threads: 1, progress: silent },
    ...{ signal: new AbortController().signal, say: (line) => said.push(line) },
  };
  try {
    const { figures, parts } = await eva.visit(visit);
    const { loss, parameters, uniform } = figures as Readonly<Record<string, number>> & {
      readonly loss: Readonly<Record<string, number>>;
    };
    expect(Object.values(loss).every(Number.isFinite)).toBe(true);
    expect(parameters).not.toBe(uniform);
    expect(said.join('\n')).toMatch(/ranks from \d to \d, where equal ones are 4: \d+ numbers instead of \d+/);
    expect(parts.map(({ kind }) => kind)).toEqual(['heat', 'lines']);
    const [, chart] = parts;
    if (chart?.kind !== 'lines') throw new Error('there is no chart');
    const [along, random] = chart.series;
    expect(along?.points).toHaveLength(20);
    expect(along?.points[0]?.y).toBeCloseTo(random?.points[0]?.y as number, 5); // B is zero in both
    expect(await page({ title: '', summary: '', sections: [{ title: '', parts }] })).toContain('Rank of every module');
  } finally {
    await model.close();
  }
});
