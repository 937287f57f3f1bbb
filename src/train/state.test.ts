import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { refusalOf, temporaryFolder } from '../../test/hostile.ts';
import { type RunState, withRunState } from '../base/index.ts';
import { writeSafetensors } from '../checkpoint/index.ts';
import { type ParameterBuffer, parameterBuffer } from './parameters.ts';
import { restoreReached, savedPlan, saveReached, trainingPlace } from './state.ts';

let out: string;
beforeEach(() => {
  out = join(temporaryFolder(), 'out');
});

/** Uses the state of a training, whose folder is gone behind it. */
const within = <T>(work: (state: RunState) => Promise<T>) =>
  withRunState(trainingPlace(out), {}, { resume: false, force: true }, work);

function run(size = 3, fill = 0): ParameterBuffer {
  const buffer = parameterBuffer([{ name: 'a', shape: [size], decays: true }]);
  const { values, first, second } = buffer.vectors.arrays;
  values.fill(fill);
  first.fill(fill + 1);
  second.fill(fill + 2);
  return buffer;
}

const save = (state: RunState) => saveReached(state, { step: 7, loss: 1.25 }, run(3, 0.1), 'by-layer');

test('what was saved comes back, and replaces what was saved before', async () => {
  await within(async (state) => {
    await save(state);
    const buffer = run(3, 0.2);
    await saveReached(state, { step: 8, loss: 1 / 3 }, buffer, 'whole');
    const into = run();
    expect(restoreReached(state, into)).toEqual({ step: 8, loss: 1 / 3 });
    expect(into.vectors.arrays).toEqual(buffer.vectors.arrays);
    expect(savedPlan(state)).toBe('whole');
    expect(readdirSync(state.folder).sort()).toEqual(['settings.json', 'state.safetensors']);
  });
});

test('a run of which nothing was saved begins at the first step, under any plan', async () => {
  await within(async (state) => {
    expect(restoreReached(state, run())).toEqual({ step: 0, loss: Number.NaN });
    expect(savedPlan(state)).toBeUndefined();
  });
});

describe('is refused:', () => {
  test('a state of other sizes', async () => {
    await within(async (state) => {
      await save(state);
      expect(await refusalOf(() => restoreReached(state, run(4)))).toContain('holds the state of another run');
    });
  });

  test.each<[string, (path: string) => void | Promise<void>]>([
    ['truncated', (path) => truncateSync(path, 300)],
    ['cut within its header', (path) => truncateSync(path, 20)],
    ['empty', (path) => writeFileSync(path, '')],
    ['longer than it says', (path) => writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(9)]))],
    ['without metadata', (path) => writeSafetensors(path, [], {})],
    ['with a step that is no number', (path) => writeSafetensors(path, [], { step: 'x', loss: '1' })],
    ['without arrays', (path) => writeSafetensors(path, [], { step: '1', loss: '1', size: '3' })],
  ])('a file that is %s', async (_, damage) => {
    await within(async (state) => {
      await save(state);
      await damage(state.path('state.safetensors'));
      expect(await refusalOf(() => restoreReached(state, run()))).toContain('state.safetensors');
    });
  });

  test('a place that cannot be written', async () => {
    writeFileSync(out, '');
    out = join(out, 'inside');
    expect(await refusalOf(() => within(save))).toContain('cannot be written');
  });
});
