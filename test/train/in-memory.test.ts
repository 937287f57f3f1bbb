import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { provenanceOf, writeModelFolder } from '../../src/artifact/index.ts';
import { encodeStored, openCheckpoint } from '../../src/checkpoint/index.ts';
import { type LoadedModel, openForward } from '../../src/model/index.ts';
import { openTokenizer } from '../../src/tokenizer/index.ts';
import {
  readExamples,
  readPairs,
  type TrainingData,
  type TrainOptions,
  teacherCache,
  trainModel,
} from '../../src/train/index.ts';
import { call } from '../command-line.ts';
import { refusalOf, temporaryFolder } from '../hostile.ts';
import { opened } from '../model/goldens.ts';
import { dataFile, rows, tinyModel } from './tiny.ts';

let model: LoadedModel;
let tokenizer: ReturnType<typeof openTokenizer>;
const scratch = mkdtempSync(join(tmpdir(), 'cria-memory-'));
const path = join(scratch, 'tiny');
beforeAll(() => tinyModel({}, path).then(() => undefined));
afterAll(() => rmSync(scratch, { recursive: true }));

const weightsFile = (folder: string, name = 'adapter_model.safetensors') => readFileSync(join(folder, name));

async function trained(data: TrainingData, options: Partial<TrainOptions> = {}): Promise<string> {
  model = opened(path);
  tokenizer = openTokenizer(model.checkpoint.tokenizer, model.checkpoint.generation);
  const out = join(temporaryFolder(), 'out');
  const how = { steps: 4, batch: 3, lr: 0.02, rank: 2, ...options };
  await trainModel(model, tokenizer, out, { ...how, data }, provenanceOf('test', 'tiny', {}, 0));
  return out;
}

const reading = () => {
  const { checkpoint } = opened(path);
  return { tokenizer: openTokenizer(checkpoint.tokenizer, checkpoint.generation) };
};

describe('training on what lies in memory', () => {
  test('gives the bytes of training on the file', async () => {
    const file = dataFile(rows.completion);
    const { examples } = await readExamples(file, reading());
    expect(weightsFile(await trained(examples))).toEqual(weightsFile(await trained(file)));
  });

  test('pairs too, and a margin that they carry takes the place of the reference', async () => {
    const file = dataFile(rows.preferences);
    const pairs = await readPairs(file, reading());
    const fromFile = weightsFile(await trained(file, { loss: 'dpo' }));
    expect(weightsFile(await trained(pairs, { loss: 'dpo' }))).toEqual(fromFile);
    const shifted = pairs.map((pair) => ({ ...pair, margin: 50 }));
    expect(weightsFile(await trained(shifted, { loss: 'dpo' }))).not.toEqual(fromFile);
  });

  test('pairs without --loss dpo, examples with it, and nothing at all are refused', async () => {
    const pairs = await readPairs(dataFile(rows.preferences), reading());
    const { examples } = await readExamples(dataFile(rows.text), reading());
    expect(await refusalOf(() => trained(pairs))).toContain('preference pairs require --loss dpo');
    expect(await refusalOf(() => trained(examples, { loss: 'dpo' }))).toContain('--loss dpo requires preference pairs');
    expect(await refusalOf(() => trained([]))).toContain('is empty');
  });
});

describe('the reference of preferences', () => {
  test('of a fresh adapter is the same as the model; of one that has learned it is another', async () => {
    const file = dataFile(rows.preferences);
    const base = await trained(file, { loss: 'dpo' });
    expect(weightsFile(await trained(file, { loss: 'dpo', reference: 'start' }))).toEqual(weightsFile(base));
    const on = { loss: 'dpo', init: base, rank: undefined, beta: 1 } as const;
    const [fromBase, fromStart] = [await trained(file, on), await trained(file, { ...on, reference: 'start' })];
    expect(weightsFile(fromStart)).not.toEqual(weightsFile(fromBase));
  });

  test('may be another model, and the model itself given as such changes nothing', async () => {
    const file = dataFile(rows.preferences);
    const own = await trained(file, { loss: 'dpo', teacher: path });
    expect(weightsFile(own)).toEqual(weightsFile(await trained(file, { loss: 'dpo' })));
  });
});

describe('a teacher cache', () => {
  test('of every token gives nearly the losses of the teacher itself, in memory and by option', async () => {
    const file = dataFile(rows.completion);
    const teacher = await trained(file, { mode: 'full', steps: 12 });
    const { examples } = await readExamples(file, reading());
    const forward = await openForward(opened(teacher), { precision: 'f32' });
    const cache = await teacherCache(forward, examples, { top: 300 });
    await forward.dispose();
    const kd = { loss: 'kd', mode: 'full', lr: 1e-3 } as const;
    const weights = (folder: string) => openCheckpoint(folder).readFloat32('model.layers.0.mlp.up_proj.weight');
    const [direct, given, asked] = [
      weights(await trained(file, { ...kd, teacher })),
      weights(await trained(examples, { ...kd, teacher: cache })),
      weights(await trained(file, { ...kd, teacher, teacherTop: 300 })),
    ];
    expect(given).toEqual(asked);
    const start = openCheckpoint(path).readFloat32('model.layers.0.mlp.up_proj.weight');
    const moved = (a: Float32Array, b: Float32Array) => Math.hypot(...a.map((x, i) => x - (b[i] as number)));
    expect(moved(given, direct)).toBeLessThan(0.05 * moved(direct, start));
    const weighted = weights(await trained(file, { ...kd, teacher, teacherTop: 10, entropyWeight: 2 }));
    expect(weighted).not.toEqual(weights(await trained(file, { ...kd, teacher, teacherTop: 10 })));
  });
});

describe('betas', () => {
  test('other decay rates give other weights', async () => {
    const file = dataFile(rows.text);
    const usual = weightsFile(await trained(file));
    expect(weightsFile(await trained(file, { adamBeta1: 0.9, adamBeta2: 0.999 }))).toEqual(usual);
    expect(weightsFile(await trained(file, { adamBeta1: 0.5, adamBeta2: 0.99 }))).not.toEqual(usual);
  });
});

describe('keeping zeros', () => {
  /** The tiny model with half of the entries of two matrices at zero. */
  async function pruned(): Promise<string> {
    const source = openCheckpoint(path);
    const out = join(temporaryFolder(), 'pruned');
    const tensors = [...source.tensors.values()].map(({ name, shape }) => {
      const values = source.readFloat32(name);
      const isPruned = /0\.mlp\.up_proj|1\.self_attn\.q_proj/.test(name);
      return {
        name,
        shape,
        type: 'F32' as const,
        bytes: () =>
          encodeStored(
            'F32',
            values.map((x, i) => (isPruned && i % 2 ? 0 : x)),
          ),
      };
    });
    const { config, generation } = source;
    const { tokenizer } = reading();
    await writeModelFolder(
      out,
      { config, generation, tensors, type: 'F32', tokenizer, provenance: provenanceOf('test', '', {}, 0) },
      false,
    );
    return out;
  }
  const names = ['model.layers.0.mlp.up_proj.weight', 'model.layers.1.self_attn.q_proj.weight', 'model.norm.weight'];
  const full = [
    '--mode',
    'full',
    '--steps',
    '5',
    '--lr',
    '0.05',
    '--weight-decay',
    '0.1',
    '--accumulate',
    '2',
    '--quiet',
  ];
  const trainFull = async (source: string, ...more: readonly string[]) => {
    const out = join(temporaryFolder(), 'out');
    const told = await call(['train', source, out, '--data', dataFile(rows.text), ...full, ...more]);
    expect(told).toMatchObject({ code: 0, err: '' });
    return openCheckpoint(out);
  };

  test('zeros of matrices stay zero and everything else moves; without the option they fill', async () => {
    const source = await pruned();
    const before = openCheckpoint(source);
    const [kept, filled] = [await trainFull(source, '--keep-zeros'), await trainFull(source)];
    for (const name of names) {
      const [start, held, free] = [before, kept, filled].map((each) => each.readFloat32(name)) as [
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      const isMatrix = name !== 'model.norm.weight';
      expect(start.some((x) => x === 0)).toBe(isMatrix);
      for (const [i, x] of start.entries()) {
        if (x === 0) expect(held[i]).toBe(0);
        else expect(held[i]).not.toBe(x);
      }
      expect(free.some((x) => x === 0)).toBe(false);
    }
  });

  test('a model without zeros is trained as without the option, and adapters have none to keep', async () => {
    const [kept, free] = [await trainFull(path, '--keep-zeros'), await trainFull(path)];
    for (const name of names) expect(kept.readFloat32(name)).toEqual(free.readFloat32(name));
    const out = join(temporaryFolder(), 'out');
    const { code, err } = await call(['train', path, out, '--data', dataFile(rows.text), '--keep-zeros', '--quiet']);
    expect([code, err]).toEqual([
      2,
      expect.stringContaining('--keep-zeros: requires --mode full (leave it out, or pass --mode full)'),
    ]);
  });

  test('merge refuses to fill the zeros of a pruned model unless --densify', async () => {
    const source = await pruned();
    const [adapter, out] = ['adapter', 'merged'].map((name) => join(temporaryFolder(), name)) as [string, string];
    const how = ['--steps', '1', '--rank', '2', '--quiet'];
    expect((await call(['train', source, adapter, '--data', dataFile(rows.text), ...how])).code).toBe(0);
    const refused = await call(['merge', source, adapter, out, '--quiet']);
    expect([refused.code, refused.err]).toEqual([2, expect.stringMatching(/up_proj.weight: 50% .* zero.*--densify/)]);
    expect(existsSync(out)).toBe(false);
    expect((await call(['merge', source, adapter, out, '--densify', '--quiet'])).code).toBe(0);
    const elsewhere = join(temporaryFolder(), 'elsewhere');
    const other = ['--targets', 'v_proj', ...how];
    expect((await call(['train', source, elsewhere, '--data', dataFile(rows.text), ...other])).code).toBe(0);
    expect((await call(['merge', source, elsewhere, `${out}-2`, '--quiet'])).code).toBe(0);
  });
});
