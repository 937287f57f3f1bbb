import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { refusalOf, temporaryFolder } from '../../test/hostile.ts';
import { besideOutput, type RunState, type Settings, withRunState } from './run-state.ts';

let out: string;
let folder: string;
beforeEach(() => {
  out = join(temporaryFolder(), 'out');
  folder = `${out}.work`;
});

const settings = { rank: 4, targets: ['a'], clip: undefined, columns: new Map([['text', 'body']]) };
const [fresh, resumed, forced] = [
  { resume: false, force: false },
  { resume: true, force: false },
  { resume: false, force: true },
];

/** Runs work whose steps are a file and a folder. */
function run<T>(work: (state: RunState) => T | Promise<T>, start: Start = fresh, asked: Settings = settings) {
  return withRunState({ out, ending: 'work', names: ['one.json', 'two'] }, asked, start, async (state) => work(state));
}
type Start = Parameters<typeof withRunState>[2];

const stopped = new Error('stopped');
function fails(): never {
  throw stopped;
}

/** Leaves a run behind its first step. */
async function interrupted(): Promise<void> {
  const work = run(async (state) => {
    await state.write('one.json', { done: 1 / 3 });
    fails();
  });
  await expect(work).rejects.toBe(stopped);
}

test('what lies beside an output is the same with a slash at its end', () => {
  expect(besideOutput('/a/b/', 'eva')).toBe('/a/b.eva');
  expect(besideOutput('/a/b', 'eva')).toBe('/a/b.eva');
});

test('a finished run leaves nothing; what it kept is there until then', async () => {
  const result = await run(async (state) => {
    expect([state.folder, state.resumed, state.has('one.json'), state.read('one.json')]).toEqual([
      ...[folder, false, false, undefined],
    ]);
    await state.write('one.json', [1]);
    mkdirSync(state.path('two'));
    writeFileSync(join(state.path('two'), 'x'), '');
    writeFileSync(join(folder, '.one.json.12.partial'), '');
    expect(readdirSync(folder).sort()).toEqual(['.one.json.12.partial', 'one.json', 'settings.json', 'two']);
    state.remove('two');
    return state.read<number[]>('one.json');
  });
  expect(result).toEqual([1]);
  expect(readdirSync(dirname(out))).toEqual([]);
});

test('a step is computed once, and once again where the run is resumed', async () => {
  let computed = 0;
  const once = (state: RunState) => state.once('one.json', async () => ({ sum: ++computed / 3 }));
  await expect(run(async (state) => [await once(state), await once(state), fails()])).rejects.toBe(stopped);
  expect(await run(async (state) => [await once(state), state.resumed], resumed)).toEqual([{ sum: 1 / 3 }, true]);
});

test('a step that the run did not declare is a mistake of the program', async () => {
  await expect(run((state) => state.path('three'))).rejects.toThrow('has no three');
});

test('an unfinished run is not lost by accident; --force begins again and keeps nothing of it', async () => {
  await interrupted();
  expect(await refusalOf(() => run(fails))).toBe(
    `${folder}: holds an unfinished run (pass --resume to continue it or --force to start again)`,
  );
  expect(await run((state) => state.read('one.json'), { resume: true, force: true })).toEqual({ done: 1 / 3 });
  await interrupted();
  expect(await run((state) => [state.has('one.json'), state.resumed], forced)).toEqual([false, false]);
});

test('a run that fails before its first step is not in the way; one that was interrupted or killed can be resumed', async () => {
  await expect(run(fails)).rejects.toBe(stopped);
  expect(existsSync(folder)).toBe(false);
  expect(await refusalOf(() => run(fails, resumed))).toBe(
    `${folder}: there is no unfinished run to resume (leave --resume out)`,
  );
  await expect(run(fails, { ...fresh, signal: AbortSignal.abort() })).rejects.toBe(stopped);
  expect(readdirSync(folder)).toEqual(['settings.json']);
  expect(await run((state) => state.resumed, resumed)).toBe(true);
  mkdirSync(folder); // killed before the settings were there
  expect(await run((state) => state.resumed, resumed)).toBe(true);
  await expect(run(fails, { ...fresh, signal: AbortSignal.abort() })).rejects.toBe(stopped);
  expect(await run((state) => state.resumed)).toBe(false); // nothing is lost
});

test('what a resumed run was asked for that differs is named, and the state stays', async () => {
  await interrupted();
  const asked = { rank: 4, targets: ['a', 'b'], clip: 1, columns: new Map([['text', 'title']]) };
  expect(await refusalOf(() => run(fails, resumed, asked))).toBe(
    `${folder}: the run was started with other options: targets was ["a"] and is ["a","b"]; ` +
      'columns was [["text","body"]] and is [["text","title"]]; clip was not given and is 1 ' +
      '(resume it with the same options, or pass --force to start again)',
  );
  expect(await run((state) => state.resumed, resumed)).toBe(true);
});

test.each([
  ['no JSON', '{'],
  ['null', 'null'],
  ['nothing', undefined],
])('a state with settings that are %s is refused', async (_, content) => {
  mkdirSync(folder);
  writeFileSync(join(folder, 'one.json'), '1');
  if (content !== undefined) writeFileSync(join(folder, 'settings.json'), content);
  expect(await refusalOf(() => run(fails, resumed))).toMatch(
    /is not a valid run state \(pass --force to start again\)$/,
  );
  expect(await run(() => 'begun again', forced)).toBe('begun again');
});

test('a step that is damaged is refused', async () => {
  await interrupted();
  writeFileSync(join(folder, 'one.json'), '{"done":');
  expect(await refusalOf(() => run((state) => state.read('one.json'), resumed))).toContain(
    'one.json: is not a valid run state',
  );
});

test('a folder with other things is not touched, and a file in its place is not replaced', async () => {
  await interrupted();
  writeFileSync(join(folder, 'own.txt'), 'mine');
  for (const start of [fresh, resumed, forced]) {
    expect(await refusalOf(() => run(fails, start))).toContain(
      `${folder}: holds own.txt, which does not belong to a run`,
    );
  }
  expect(readFileSync(join(folder, 'own.txt'), 'utf8')).toBe('mine');
  out = join(folder, 'own.txt');
  writeFileSync(`${out}.work`, '');
  expect(await refusalOf(() => run(fails))).toContain('own.txt.work: cannot be written');
});

test('what appears beside the steps of a run while it goes on is left', async () => {
  await run((state) => writeFileSync(join(state.folder, 'own.txt'), ''));
  expect(readdirSync(folder)).toEqual(['own.txt']);
});
