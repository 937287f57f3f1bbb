import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Adapter, readAdapter } from '../../src/checkpoint/index.ts';
import type { Value } from '../../src/engine/index.ts';
import { activationPaths, type LoadedModel, openCached, type Plan } from '../../src/model/index.ts';
import { distance, forwardOf, goldenPath, logitsOf, opened, rowAt } from './goldens.ts';

/** What PEFT computed with an adapter: see test/goldens/make_adapters.py. */
interface Golden {
  readonly checkpoint: string;
  readonly sequences: readonly { readonly ids: readonly number[]; readonly logits: readonly (readonly number[])[] }[];
  readonly greedy: readonly number[];
}

const root = join(import.meta.dirname, '../goldens/adapters');
const plans: readonly Plan[] = ['whole', 'by-layer'];
const tolerance = 1e-4; // absolute, on logits of up to 10; the golden values have six digits

const readGolden = (name: string) => JSON.parse(readFileSync(join(root, name, 'golden.json'), 'utf8')) as Golden;

async function cachedOf(model: LoadedModel, batch = 1) {
  const cached = await openCached(model, batch);
  onTestFinished(() => cached.dispose());
  return cached;
}

const largest = (logits: Float32Array): number => logits.indexOf(Math.max(...logits));

describe.each(readdirSync(root))('%s', (name) => {
  const { checkpoint, sequences, greedy } = readGolden(name);
  const adapters: readonly Adapter[] = [readAdapter(join(root, name))];
  const texts = sequences.map(({ ids }) => ids);

  describe.each(plans)('%s', (plan) => {
    test('logits at every position are those of PEFT, alone and in a batch', async () => {
      const model = opened(goldenPath(checkpoint), { plan, adapters });
      const forward = await forwardOf(model);
      const together = await forward.run(texts);
      for (const [i, { ids, logits }] of sequences.entries()) {
        expect(distance(await logitsOf(forward, ids), logits.flat())).toBeLessThan(tolerance);
        for (const position of ids.keys()) {
          const row = await forward.logits(rowAt(together.normed, position, i));
          expect(distance(row, logits[position] as number[])).toBeLessThan(tolerance);
        }
      }
    });

    test('with a cache the logits and the tokens that follow are those of PEFT', async () => {
      const model = opened(goldenPath(checkpoint), { plan, adapters });
      const cached = await cachedOf(model);
      const cache = cached.cache();
      const { ids, logits } = sequences[0] as Golden['sequences'][number];
      let last = await cached.extend(cache, [ids]);
      expect(distance(last, logits.at(-1) as number[])).toBeLessThan(tolerance);
      const made: number[] = [];
      for (const _ of greedy) {
        made.push(largest(last));
        last = await cached.extend(cache, [made.slice(-1)]);
      }
      expect(made).toEqual(greedy);
    });

    test('a cache of texts of unequal lengths holds what each of them has alone', async () => {
      const cached = await cachedOf(opened(goldenPath(checkpoint), { plan, adapters }), texts.length);
      const last = await cached.extend(cached.cache(), texts);
      const wanted = sequences.flatMap(({ logits }) => logits.at(-1) as number[]);
      expect(distance(last, wanted)).toBeLessThan(tolerance);
    });

    test('a truncated cache goes on as if it had read nothing more', async () => {
      const cached = await cachedOf(opened(goldenPath(checkpoint), { plan, adapters }));
      const cache = cached.cache();
      const { ids, logits } = sequences[1] as Golden['sequences'][number];
      await cached.extend(cache, [[...ids.slice(0, 4), 9, 8]]);
      for (const kept of [4, 0]) {
        cache.truncate(kept);
        const last = await cached.extend(cache, [ids.slice(kept)]);
        expect(distance(last, logits.at(-1) as number[])).toBeLessThan(tolerance);
      }
    });

    test('every activation has the positions of the text', async () => {
      const model = opened(goldenPath(checkpoint), { plan, adapters });
      const plain = opened(goldenPath(checkpoint), { plan });
      const paths = activationPaths(model.config);
      const { read } = await (await forwardOf(model, { read: paths })).run(texts);
      const { read: wanted } = await (await forwardOf(plain, { read: paths })).run(texts);
      for (const path of paths) {
        const [got, shape] = [read[path] as Value<'f32'>, (wanted[path] as Value<'f32'>).shape];
        const before = path.endsWith('pattern') ? plain.config.context - model.config.context : 0;
        expect(got.shape, path).toEqual(before ? [...shape.slice(0, 3), (shape[3] as number) + before] : shape);
      }
    });
  });

  test('acts: the model alone gives other logits', async () => {
    const { ids, logits } = sequences[0] as Golden['sequences'][number];
    const plain = await logitsOf(await forwardOf(opened(goldenPath(checkpoint))), ids);
    expect(distance(plain, logits.flat())).toBeGreaterThan(0.1);
  });
});
