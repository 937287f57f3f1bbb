import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../test/hostile.ts';
import { besideOutput, refuseForeign, refuseOtherSettings, refuseRunState, removeRunState } from './run-state.ts';

test('what lies beside an output is the same with a slash at its end', () => {
  expect(besideOutput('/a/b/', 'eva')).toBe('/a/b.eva');
  expect(besideOutput('/a/b', 'eva')).toBe('/a/b.eva');
});

test('only what a run has kept is removed, and its folder when that is all', () => {
  const folder = join(temporaryFolder(), 'kept');
  const keeping = { folder, names: ['state', 'start'] };
  removeRunState(keeping); // nothing is there
  mkdirSync(join(folder, 'start'), { recursive: true });
  for (const name of ['state', '.state.12.partial', 'start/x']) writeFileSync(join(folder, name), '');
  expect(() => refuseForeign(keeping)).not.toThrow();
  writeFileSync(join(folder, 'own.txt'), '');
  expect(() => refuseForeign(keeping)).toThrow(`${folder}: holds own.txt, which no run has left`);
  removeRunState(keeping);
  expect(readdirSync(folder)).toEqual(['own.txt']);
  removeRunState({ folder, names: ['own.txt'] });
  expect(readdirSync(join(folder, '..'))).toEqual([]);
});

test.each([
  [true, false, false, 'out.state: holds an unfinished run (--resume goes on with it, --force begins again)'],
  [false, true, false, 'out.state: there is no unfinished run to resume (begin without --resume)'],
  [false, true, true, 'out.state: there is no unfinished run to resume (begin without --resume)'],
])('an unfinished run there: %s, resumed: %s, forced: %s is refused', (isThere, resume, force, sentence) => {
  expect(() => refuseRunState('out.state', isThere, { resume, force })).toThrow(sentence);
});

test.each([
  [true, true, false],
  [true, false, true],
  [true, true, true],
  [false, false, false],
])('an unfinished run there: %s, resumed: %s, forced: %s may begin', (isThere, resume, force) => {
  expect(() => refuseRunState('out.state', isThere, { resume, force })).not.toThrow();
});

test('what a resumed run was asked for that differs is named; what is not given is the same as undefined', () => {
  const saved = { rank: 4, targets: ['a'], seed: 0 };
  expect(() => refuseOtherSettings('x', saved, { ...saved, columns: undefined })).not.toThrow();
  expect(() => refuseOtherSettings('x', saved, { rank: 4, targets: ['a', 'b'], clip: 1 })).toThrow(
    'x: the run was begun with other options: targets was ["a"] and is ["a","b"]; ' +
      'seed was 0 and is not given; clip was not given and is 1',
  );
});
