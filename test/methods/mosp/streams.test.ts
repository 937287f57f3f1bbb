import { expect, test } from 'vitest';
import type { Windows } from '../../../src/methods/mosp/objectives.ts';
import { sumOf } from '../../../src/methods/mosp/problem.ts';
import { openStreams } from '../../../src/methods/mosp/streams.ts';
import { openForward } from '../../../src/model/index.ts';
import { goldenPath, opened } from '../../model/goldens.ts';

const windowOf = (length: number, from: number) => Array.from({ length }, (_, i) => (7 * i + from) % 64);
const first: Windows = { name: 'a', windows: Array.from({ length: 7 }, (_, i) => windowOf(12, i)) };
const second: Windows = { name: 'b', windows: Array.from({ length: 5 }, (_, i) => windowOf(9, 30 + i)) };
const paths = ['attention.input', 'mlp.hidden'] as const;

const farthest = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  const most = Math.max(...Array.from(b, Math.abs));
  return Math.max(...Array.from(a, (x, i) => Math.abs(x - (b[i] as number)))) / most;
};

test('second moments of chunks are those of all rows at once, and their sum that of the concatenation (oracle 14)', async () => {
  const model = opened(goldenPath('llama-gqa'));
  const apart = openStreams(model, [first, second], 'nothing');
  const together = openStreams(model, [{ name: 'all', windows: [...first.windows, ...second.windows] }], 'nothing');
  await apart.advance(() => undefined);
  await together.advance(() => undefined);
  const [own, all] = [await apart.moments(paths), await together.moments(paths)];
  const forward = await openForward(model, { read: paths.map((path) => `layers.1.${path}`) });
  for (const path of paths) {
    const moments = own.get(path) ?? [];
    expect(farthest(sumOf(moments).data, all.get(path)?.[0]?.data ?? [])).toBeLessThan(1e-5);
    const { read } = await forward.run(first.windows);
    const x = read[`layers.1.${path}`]?.data as Float32Array;
    const size = moments[0]?.rows ?? 0;
    const exact = new Float64Array(size * size);
    for (let at = 0; at < x.length; at += size) {
      for (let i = 0; i < size; i++) {
        for (let j = 0; j < size; j++) {
          exact[i * size + j] = (exact[i * size + j] as number) + (x[at + i] as number) * (x[at + j] as number);
        }
      }
    }
    expect(farthest(moments[0]?.data ?? [], exact)).toBeLessThan(1e-5);
  }
  await Promise.all([forward.dispose(), apart.dispose(), together.dispose()]);
});
