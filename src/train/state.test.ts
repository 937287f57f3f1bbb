import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { refusalOf, temporaryFolder } from '../../test/hostile.ts';
import { writeSafetensors } from '../checkpoint/index.ts';
import { type ParameterBuffer, parameterBuffer } from './parameters.ts';
import { beginState, hasState, leaveState, removeState, restoreState, saveState, stateFolder } from './state.ts';

let out: string;
beforeEach(() => {
  out = join(temporaryFolder(), 'out');
});

const settings = { rank: 4, targets: ['a'], clip: undefined, rate: 0.1 };

function run(size = 3, fill = 0): ParameterBuffer {
  const buffer = parameterBuffer([{ name: 'a', shape: [size], decays: true }]);
  const { values, first, second } = buffer.vectors.arrays;
  values.fill(fill);
  first.fill(fill + 1);
  second.fill(fill + 2);
  return buffer;
}

async function saved(): Promise<string> {
  await saveState(out, { step: 7, loss: 1.25 }, run(3, 0.1), settings);
  return join(stateFolder(out), 'state.safetensors');
}

const restored = (asked = settings, buffer = run()) => restoreState(out, buffer, asked);

test('what was saved comes back, and replaces what was saved before', async () => {
  await saved();
  const buffer = run(3, 0.2);
  await saveState(out, { step: 8, loss: 1 / 3 }, buffer, settings);
  const into = run();
  expect(restored(settings, into)).toEqual({ step: 8, loss: 1 / 3 });
  expect(into.vectors.arrays).toEqual(buffer.vectors.arrays);
  expect(readdirSync(stateFolder(out))).toEqual(['state.safetensors']);
});

test('a run of which nothing was saved begins at the first step', () => {
  expect(restored()).toEqual({ step: 0, loss: Number.NaN });
  expect(hasState(out)).toBe(false);
  beginState(out, false);
  expect(restored().step).toBe(0);
  leaveState(out);
  expect(readdirSync(join(out, '..'))).toEqual([]);
});

test('leaving keeps what was saved; removing forgets it', async () => {
  await saved();
  leaveState(out);
  expect(hasState(out)).toBe(true);
  removeState(out);
  expect(readdirSync(join(out, '..'))).toEqual([]);
});

describe('is refused:', () => {
  test('other settings, each by name with both values', async () => {
    await saved();
    const asked = { rank: 8, targets: ['a', 'b'], clip: 1, rate: 0.1 };
    expect(await refusalOf(() => restored(asked as unknown as typeof settings))).toContain(
      'the run was begun with other options: rank was 4 and is 8; targets was ["a"] and is ["a","b"]; clip was not given and is 1 (',
    );
  });

  test('a state of other sizes', async () => {
    await saved();
    expect(await refusalOf(() => restored(settings, run(4)))).toContain('is the state of another run');
  });

  test.each<[string, (path: string) => void | Promise<void>]>([
    ['truncated', (path) => truncateSync(path, 300)],
    ['cut within its header', (path) => truncateSync(path, 20)],
    ['empty', (path) => writeFileSync(path, '')],
    ['longer than it says', (path) => writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(9)]))],
    ['without metadata', (path) => writeSafetensors(path, [], {})],
    ['with settings that are no JSON', (path) => writeSafetensors(path, [], { step: '1', loss: '1', settings: '{' })],
    ['with settings that are null', (path) => writeSafetensors(path, [], { step: '1', loss: '1', settings: 'null' })],
    ['with a step that is no number', (path) => writeSafetensors(path, [], { step: 'x', loss: '1', settings: '{}' })],
    [
      'without arrays',
      (path) => writeSafetensors(path, [], { step: '1', loss: '1', settings: JSON.stringify(settings) }),
    ],
  ])('a file that is %s', async (_, damage) => {
    const path = await saved();
    await damage(path);
    expect(await refusalOf(() => restored())).toContain('state.safetensors');
  });

  test('a place that cannot be written', async () => {
    writeFileSync(out, '');
    const inside = join(out, 'inside');
    expect(await refusalOf(() => beginState(inside, false))).toContain('cannot be written');
    expect(await refusalOf(() => saveState(inside, { step: 1, loss: 1 }, run(), {}))).toContain('cannot be written');
  });
});
