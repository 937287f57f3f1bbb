import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { call } from '../../test/command-line.ts';
import { temporaryFolder } from '../../test/hostile.ts';
import { needs, shared } from '../../test/shared.ts';
import { tinyModel } from '../../test/train/tiny.ts';

const tiny = 'test/goldens/architectures/llama-gqa'; // without a tokenizer

function file(name: string, content: string): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, content);
  return path;
}

const some = () => file('some.txt', 'a b c d\n');

test.each([
  [[], '--task is required (for example --task capitals.json)'],
  [['--task', 'x.json', '--prompts', '3'], "--prompts: must be an integer from 4 to 1000000 (got '3')"],
  [['--task', 'x.json', '--rank', '0'], "--rank: must be an integer of at least 1 (got '0')"],
  [['--task', 'x.json', '--tops', '5,x'], "--tops: must be an integer of at least 1 (got 'x')"],
  [['--task', 'x.json'], 'x.json: does not exist'],
  [['--task', 'some.txt', '--adapter', 'folder'], 'folder: does not exist'],
  [['--task', 'some.txt'], 'tokenizer.json'],
])('lens with %j is refused', async (options, sentence) => {
  const out = join(temporaryFolder(), 'out');
  const asked = options.map((option) => (option === 'some.txt' ? some() : option));
  const { code, err } = await call(['lens', tiny, out, ...asked]);
  expect(err).toContain(sentence);
  expect(code).toBe(2);
  expect(existsSync(out)).toBe(false);
});

test('what stands at the output is not replaced', async () => {
  const { code, err } = await call(['lens', tiny, temporaryFolder(), '--task', 'x.json']);
  expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining('already exists') });
});

test.each(['model', 'task'])('the %s that is read is not replaced', async (name) => {
  const [model, task] = [await tinyModel(), file('task.txt', 'a b c d\n')];
  const out = name === 'model' ? model : task;
  const { code, err } = await call(['lens', model, out, '--task', task, '--force']);
  expect([code, err]).toEqual([2, expect.stringContaining('(choose another output)')]);
});

test('a task that fills no halves is refused before heads are scored', async () => {
  const task = file('task.txt', 'a b c d\na b e f\na b g h\n'); // whatever half has the pair of a and b, the other has no line
  const argv = ['lens', await tinyModel(), join(temporaryFolder(), 'out'), '--task', task, '--quiet'];
  const { code, err } = await call(argv);
  expect([code, err]).toEqual([2, expect.stringContaining('its 3 lines do not fill two halves')]);
});

test('an unfinished run is neither lost by accident nor resumed where there is none', async () => {
  const out = join(temporaryFolder(), 'out');
  const task = some();
  const lens = (...more: readonly string[]) => call(['lens', tiny, out, '--task', task, ...more]);
  const none = await lens('--resume');
  expect(none).toMatchObject({ code: 2, err: expect.stringContaining('out.lens: there is no unfinished run to') });
  mkdirSync(`${out}.lens`);
  for (const name of ['settings', 'concept']) writeFileSync(join(`${out}.lens`, `${name}.json`), '{"seed":1}');
  const lost = await lens();
  expect(lost).toMatchObject({ code: 2, err: expect.stringContaining('out.lens: holds an unfinished run (') });
  const other = await lens('--resume');
  expect(other).toMatchObject({ code: 2, err: expect.stringContaining('seed was 1 and is 0') });
  expect(other.err).toMatch(/contents was not given and is \["[0-9a-f]{64}"/); // a task that was changed is another
  expect(existsSync(`${out}.lens`)).toBe(true);
  expect((await lens('--force')).err).toContain('tokenizer.json'); // on to the model
});

test('a run that was interrupted between prompts goes on to the same scores', async () => {
  const pairs = ['France Paris', 'Italy Rome', 'Germany Berlin', 'Spain Madrid', 'Peru Lima', 'Egypt Cairo'];
  const lines = pairs.map((pair) => pair.split(' ')).map(([input, output]) => ({ input, output }));
  const task = file('capitals.json', JSON.stringify(lines));
  const [whole, out] = [join(temporaryFolder(), 'lens'), join(temporaryFolder(), 'lens')];
  const quick = ['--prompts', '8', '--length', '12', '--threads', '1', '--quiet'];
  const lens = (path: string, more: readonly string[] = [], signal?: AbortSignal) =>
    call(['lens', 'cria-tiny', path, '--task', task, ...quick, ...more], signal && { signal });
  expect((await lens(whole)).code).toBe(0);
  const stop = new AbortController();
  const watch = setInterval(() => existsSync(`${out}.lens/concept.json`) && stop.abort(), 1);
  expect((await lens(out, [], stop.signal)).code).toBe(130);
  clearInterval(watch);
  expect(existsSync(out)).toBe(false);
  expect((await lens(out)).err).toContain('holds an unfinished run (pass --resume to continue');
  expect(await lens(out, ['--resume'])).toMatchObject({ code: 0, err: '' });
  for (const name of ['heads.json', 'results.json']) {
    expect(readFileSync(join(out, name)).equals(readFileSync(join(whole, name))), name).toBe(true);
  }
  expect(existsSync(`${out}.lens`)).toBe(false);
});

test('lens apply asks for heads', async () => {
  const { code, err } = await call(['lens', 'apply', tiny, 'a - b + c']);
  expect({ code, err }).toEqual({ code: 2, err: 'cria: --heads is required (pass --heads OUT/heads.json)\n' });
});

const real = shared('models', 'smollm2-135m-instruct.Q4_1.gguf');
const { skip, reason } = needs(real, 'SmolLM2');

describe.skipIf(skip)(`on SmolLM2${reason}`, () => {
  const model = real as string;
  const pairs = ['France Paris', 'Italy Rome', 'Germany Berlin', 'Spain Madrid', 'Peru Lima', 'Egypt Cairo'];
  const task = () =>
    file(
      'country-capital.json',
      JSON.stringify(pairs.map((pair) => pair.split(' ')).map(([input, output]) => ({ input, output }))),
    );
  const names = () =>
    file('names.txt', 'Andrew Lloyd Webber\nBuenos Aires\nRio de Janeiro\nKuala Lumpur\nAntananarivo\n');
  const quick = ['--prompts', '4', '--length', '12', '--threads', '1'];

  test('finds heads, writes lenses and a report, and reuses the scores', async () => {
    const folder = temporaryFolder();
    const [out, again] = [join(folder, 'lens'), join(folder, 'again')];
    const sweeps = ['--ranks', '8,576', '--tops', '5,21'];
    const first = await call([
      'lens',
      model,
      out,
      '--task',
      task(),
      '--entities',
      names(),
      ...sweeps,
      ...quick,
      '--json',
    ]);
    expect(first.code).toBe(0);
    const { heads, accuracy, tasks, concept, ablation } = JSON.parse(first.out);
    expect(heads).toHaveLength(270);
    expect(heads[0]).toEqual({
      layer: 0,
      head_idx: 0,
      concept: expect.any(Number),
      conceptError: expect.any(Number),
      token: expect.any(Number),
      tokenError: expect.any(Number),
    });
    for (const name of ['raw', 'concept', 'token', 'all', 'random', 'inContext']) {
      expect(accuracy[name]).toBeGreaterThanOrEqual(0);
      expect(accuracy[name]).toBeLessThanOrEqual(1);
    }
    expect(concept).toMatchObject({ prompts: 4, top: { length: 21 } });
    expect(concept.clean - concept.corrupted).toBeGreaterThan(0.05);
    expect(tasks[0]).toMatchObject({ name: 'country-capital', candidates: 12, lines: 30, chance: 1 / 12 });
    expect(tasks[0].settings.raw.layers).toHaveLength(30);
    const { settings, sweeps: swept } = tasks[0];
    for (const kind of ['concept', 'token'] as const) {
      const own = settings[kind].layers[swept.layer]; // full rank and as many heads are the lens itself
      expect(swept.ranks[1]).toMatchObject({ size: 576, [kind]: own });
      expect(swept.tops[1]).toMatchObject({ size: 21, [kind]: own });
    }
    expect(swept.ranks[0].concept.layer).toBe(swept.layer);
    expect(ablation.none.copying).toBeGreaterThan(ablation.token.copying);
    expect(readdirSync(out).sort()).toEqual(
      [
        'concept.safetensors',
        'cria.json',
        'heads.json',
        'heads.svg',
        'report.html',
        'results.json',
        'token.safetensors',
      ].sort(),
    );
    expect(readdirSync(folder)).toEqual(['lens']);

    const second = await call([
      ...[
        'lens',
        model,
        again,
        '--task',
        task(),
        '--heads',
        join(out, 'heads.json'),
        '--rank',
        '16',
        '--ranks',
        '16',
        '--fold-norm',
        ...quick,
        '--json',
      ],
    ]);
    expect(second.code).toBe(0);
    expect(JSON.parse(second.out).concept.top).toEqual(concept.top);
    const header = readFileSync(join(again, 'concept.safetensors')).subarray(8, 1000).toString();
    expect(header).toContain('"U":{"dtype":"F32","shape":[576,16]');
    expect(header).toContain('"rank":"16"');
    expect(header).toContain('"norm_folded":"true"');
    const folded = JSON.parse(readFileSync(join(again, 'results.json'), 'utf8'));
    expect(folded).toMatchObject({ foldNorm: true, top: 21, rank: 16 });
    const [{ settings: bounded, sweeps: same }] = folded.tasks;
    expect(same.ranks[0].concept.whole).toEqual(bounded.concept.layers[same.layer].whole);

    const words = ['--heads', join(out, 'heads.json'), '--threads', '1', '--json'];
    const applied = await call(['lens', 'apply', model, 'Paris - France + Italy', '--lens', 'raw', ...words]);
    expect(applied.code).toBe(0);
    const { nearest, candidates } = JSON.parse(applied.out);
    expect(candidates).toBe(12);
    expect(nearest.map(({ word }: { word: string }) => word)).toEqual(expect.arrayContaining(['Rome', 'Italy']));
    // the lens of rank 16 that was measured gives the words other cosines than that of full rank
    const seen = async (heads: string) => {
      const through = ['--heads', heads, '--layer', '20', '--threads', '1', '--json'];
      return JSON.parse((await call(['lens', 'apply', model, 'Paris - France + Italy', ...through])).out).nearest;
    };
    expect(await seen(join(again, 'heads.json'))).not.toEqual(await seen(join(out, 'heads.json')));
    writeFileSync(join(again, 'results.json'), JSON.stringify({ ...folded, rank: 'x' }));
    const odd = await call(['lens', 'apply', model, 'Paris - Rome', '--heads', join(again, 'heads.json')]);
    expect(odd).toMatchObject({ code: 2, err: expect.stringContaining('results.json: is no result of cria lens') });
    const unknown = await call(['lens', 'apply', model, 'Paris - llama', ...words]);
    expect(unknown).toMatchObject({
      code: 2,
      err: expect.stringContaining('no task beside the heads has all of these'),
    });
  }, 300_000);

  test.each([
    [['--top', '271'], '--top: the model has 270 heads, not 271 (use fewer)'],
    [['--tops', '5,271'], '--tops: the model has 270 heads, not 271 (use fewer)'],
    [['--filler', 'nowhere.txt'], 'nowhere.txt: does not exist'],
    [['--heads', 'nowhere.json'], 'nowhere.json: does not exist'],
  ])('%j is refused', async (options, sentence) => {
    const out = join(temporaryFolder(), 'out');
    const { code, err } = await call(['lens', model, out, '--task', task(), ...quick, ...options]);
    expect(err).toContain(sentence);
    expect(code).toBe(2);
  });
});
