import { describe, expect, onTestFinished, test } from 'vitest';
import { type Adapter, type LoraAdapter, loraScale, readAdapter } from '../../src/checkpoint/index.ts';
import type { Value } from '../../src/engine/index.ts';
import { generate, newSession } from '../../src/generate/index.ts';
import {
  activationPaths,
  type LoadedModel,
  loadModel,
  onnxModel,
  openIncrementalDecoder,
  type Plan,
  type Precision,
  placed,
} from '../../src/model/index.ts';
import { collected, letterTokenizer } from '../generate/stubs.ts';
import { refusalOf, temporaryFolder } from '../hostile.ts';
import {
  type AdapterGolden,
  adapterNames,
  adapterPath,
  distance,
  forwardOf,
  goldenPath,
  logitsAfter,
  logitsOf,
  opened,
  readAdapterGolden,
  rowAt,
} from './goldens.ts';
import { ggufOf } from './variants.ts';

const plans: readonly Plan[] = ['whole', 'by-layer'];
const tolerance = 1e-4; // absolute, on logits of up to 10; the golden values have six digits

async function cachedOf(model: LoadedModel) {
  const cached = await openIncrementalDecoder(model);
  onTestFinished(() => cached.dispose());
  return cached;
}

const largest = (logits: Float32Array): number => logits.indexOf(Math.max(...logits));

describe.each(adapterNames)('%s', (name) => {
  const { checkpoint, sequences, greedy } = readAdapterGolden(name);
  const adapters: readonly Adapter[] = [readAdapter(adapterPath(name))];
  const texts = sequences.map(({ ids }) => ids);

  describe.each(plans)('%s', (plan) => {
    test('logits at every position are those of PEFT, alone and in a batch', async () => {
      const model = opened(goldenPath(checkpoint), { plan, adapters });
      const forward = await forwardOf(model);
      const together = await forward.run(texts);
      for (const [i, { ids, logits }] of sequences.entries()) {
        expect(distance(await logitsOf(forward, ids), logits.flat())).toBeLessThan(tolerance);
        for (const position of ids.keys()) {
          const row = await forward.logits(rowAt(together.lastHidden, position, i));
          expect(distance(row, logits[position] as number[])).toBeLessThan(tolerance);
        }
      }
    });

    test('with a cache the logits and the tokens that follow are those of PEFT', async () => {
      const model = opened(goldenPath(checkpoint), { plan, adapters });
      const cached = await cachedOf(model);
      const sequence = cached.open();
      const { ids, logits } = sequences[0] as AdapterGolden['sequences'][number];
      let last = await logitsAfter(cached, sequence, ids);
      expect(distance(last, logits.at(-1) as number[])).toBeLessThan(tolerance);
      const made: number[] = [];
      for (const _ of greedy) {
        made.push(largest(last));
        last = await logitsAfter(cached, sequence, made.slice(-1));
      }
      expect(made).toEqual(greedy);
    });

    test('a cache of texts of unequal lengths holds what each of them has alone', async () => {
      const cached = await cachedOf(opened(goldenPath(checkpoint), { plan, adapters }));

      const last = await cached.extend(texts.map((ids) => ({ sequence: cached.open(), ids })));
      for (const [i, { logits }] of sequences.entries()) {
        expect(distance(last[i]?.logits ?? [], logits.at(-1) as number[])).toBeLessThan(tolerance);
      }
    });

    test('a truncated cache goes on as if it had read nothing more', async () => {
      const cached = await cachedOf(opened(goldenPath(checkpoint), { plan, adapters }));
      const sequence = cached.open();
      const { ids, logits } = sequences[1] as AdapterGolden['sequences'][number];
      await logitsAfter(cached, sequence, [...ids.slice(0, 4), 9, 8]);
      for (const kept of [4, 0]) {
        sequence.truncate(kept);
        const last = await logitsAfter(cached, sequence, ids.slice(kept));
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
    const { ids, logits } = sequences[0] as AdapterGolden['sequences'][number];
    const plain = await logitsOf(await forwardOf(opened(goldenPath(checkpoint))), ids);
    expect(distance(plain, logits.flat())).toBeGreaterThan(0.1);
  });
});

const lora = (name: string) => readAdapter(adapterPath(name)) as LoraAdapter;
const { sequences: texts } = readAdapterGolden('lora');
const [text] = texts.map(({ ids }) => ids) as [readonly number[]];

/** Logits of one text under a plan, from a whole reading and from the cache. */
async function logitsUnder(adapters: readonly Adapter[], plan: Plan, precision: Precision = 'f32', path = 'llama-gqa') {
  const model = opened(path.includes('/') ? path : goldenPath(path), { adapters, plan, precision });
  const whole = await logitsOf(await forwardOf(model), text);
  const cached = await cachedOf(model);
  return { whole, last: await logitsAfter(cached, cached.open(), text) };
}

describe.each(plans)('%s', (plan) => {
  test('two updates of the same weights add up, whatever their ranks and scales', async () => {
    const [first, second] = [lora('lora'), lora('lora-patterns')];
    const doubled: LoraAdapter = {
      ...first,
      modules: new Map([...first.modules].map(([path, m]) => [path, { ...m, scale: m.scale * 2 }])),
    };
    const twice = await logitsUnder([first, first], plan);
    const once = await logitsUnder([doubled], plan);
    expect(distance(twice.whole, once.whole)).toBeLessThan(tolerance);
    const [both, turned] = [await logitsUnder([first, second], plan), await logitsUnder([second, first], plan)];
    expect(distance(both.whole, turned.whole)).toBeLessThan(tolerance);
    expect(distance(both.last, both.whole.slice(-both.last.length))).toBeLessThan(tolerance);
    expect(distance(both.whole, (await logitsUnder([first], plan)).whole)).toBeGreaterThan(0.1);
  });

  test('prefix, prompt and update act together, the same with a cache as without', async () => {
    const adapters = ['prompt', 'lora', 'prefix', 'prompt'].map((name) => readAdapter(adapterPath(name)));
    const { whole, last } = await logitsUnder(adapters, plan);
    expect(distance(last, whole.slice(-last.length))).toBeLessThan(tolerance);
    const other = plans.find((each) => each !== plan) as Plan;
    expect(distance(whole, (await logitsUnder(adapters, other)).whole)).toBeLessThan(tolerance);
  });
});

test.each(['lora', 'lora-patterns', 'prompt', 'prefix'])('%s acts on packed weights as on float ones', async (name) => {
  const file = `${temporaryFolder()}/packed.gguf`;
  await ggufOf('llama-gqa', 'Q8_0', file);
  const adapters = [readAdapter(adapterPath(name))];
  const packed = await logitsUnder(adapters, 'whole', 'auto', file);
  const float = await logitsUnder(adapters, 'whole', 'f32', file);
  expect(distance(packed.whole, float.whole)).toBeLessThan(0.2); // activations are rounded to 8 bits
  expect(distance(packed.last, float.last)).toBeLessThan(0.2);
  expect(distance(float.whole, (await logitsUnder([], 'whole', 'f32', file)).whole)).toBeGreaterThan(1);
});

test.each(['lora', 'prompt', 'prefix', 'prompt-dynamic'])(
  'a session with %s goes on after another text as a fresh one does',
  async (name) => {
    const { checkpoint, sequences } = readAdapterGolden(name);
    const [first, second] = sequences.map(({ ids }) => ids) as [readonly number[], readonly number[]];
    const model = opened(goldenPath(checkpoint), { adapters: [readAdapter(adapterPath(name))] });
    const cached = await cachedOf(model);
    const used = newSession(model, letterTokenizer, cached);
    const kept: number[] = [];
    for (const ids of [first, [...first.slice(0, 9), ...second], second, [...second, 9, 9, 9, 9, 9, 9]]) {
      const { result } = await collected(generate(used, ids, { maxTokens: 5 }));
      const fresh = newSession(model, letterTokenizer, cached);
      expect(result.ids).toEqual((await collected(generate(fresh, ids, { maxTokens: 5 }))).result.ids);
      kept.push(result.cachedTokens);
    }
    expect(kept).toEqual(name === 'prompt-dynamic' ? [0, 0, 0, 0] : [0, 9, 0, 7]); // rotations change beyond 16 positions, virtual ones among them
  },
);

/** An adapter of one module of the tiny Llama. */
function adapterOf(path: string, out: number, inner: number, entry = 0.1): LoraAdapter {
  const module = { rank: 1, alpha: 1, scale: loraScale(1, 1, false), inner, out };
  const [a, b] = [new Float32Array(inner).fill(entry), new Float32Array(out).fill(entry)];
  return { kind: 'lora', base: 'org/other', modules: new Map([[path, { ...module, a, b }]]), rslora: false };
}

const belongs = '(the adapter was trained on another model: "org/other")';

test.each([
  [
    'model.layers.2.mlp.up_proj',
    adapterOf('model.layers.2.mlp.up_proj', 64, 64),
    `which does not exist in the model ${belongs}`,
  ],
  ['model.embed_tokens', adapterOf('model.embed_tokens', 64, 64), `which does not exist in the model ${belongs}`],
  [
    'q_proj of another size',
    adapterOf('model.layers.0.self_attn.q_proj', 64, 32),
    `as [64, 32], but the model has [64, 64] ${belongs}`,
  ],
  ['no finite number', adapterOf('lm_head', 64, 64, Number.NaN), 'holds NaN or Inf'],
  [
    'a prompt of another width',
    readAdapter(adapterPath('prompt-gemma')),
    'its embeddings have 32 values, those of the model 64',
  ],
  [
    'a prefix of other heads',
    readAdapter(adapterPath('prefix-gemma')),
    'it is a prefix for 4 layers of 2 key/value heads of 16',
  ],
])('an adapter with %s is refused', async (_, adapter, sentence) => {
  const refusal = await refusalOf(() => loadModel(goldenPath('llama-gqa'), { adapters: [adapter] }));
  expect(refusal).toContain(sentence);
});

test('virtual tokens count in the context, and have to leave some of it', async () => {
  const prompt = readAdapter(adapterPath('prompt'));
  const model = opened(goldenPath('llama-gqa'), { adapters: [prompt] });
  expect(model.config.context).toBe(59);
  const [forward, cached] = [await forwardOf(model), await cachedOf(model)];
  const long = Array<number>(60).fill(5);
  for (const work of [() => forward.run([long]), () => logitsAfter(cached, cached.open(), long)]) {
    expect(await refusalOf(work)).toContain('60 tokens do not fit in the context of 59');
  }
  const many = Array<Adapter>(13).fill(prompt);
  const refusal = await refusalOf(() => loadModel(goldenPath('llama-gqa'), { adapters: many }));
  expect(refusal).toContain('65 virtual tokens leave no room in the context of 64');
});

test('an adapted model is not written to ONNX without its adapters', async () => {
  const model = opened(goldenPath('llama-gqa'), { adapters: [lora('lora')] });
  expect(await refusalOf(() => onnxModel(model, 'data'))).toContain('cannot export a model with adapters to ONNX');
});

describe.each<Plan>(['whole', 'by-layer'])('a placed prompt under the plan %s', (plan) => {
  test('stands where the text has it, and in front it is the leading prompt', async () => {
    const adapters = [readAdapter(adapterPath('prompt'))];
    const leading = opened(goldenPath('llama-gqa'), { adapters, plan });
    const free = opened(goldenPath('llama-gqa'), { adapters, plan, promptPlacement: 'placed' });
    const ids = [1, 5, 9, 2];
    const last = async (model: typeof free, text: readonly number[]) => {
      const { lastHidden } = await (await forwardOf(model)).run([text]);
      return [...lastHidden.data.slice(-model.config.hiddenSize)];
    };
    const inFront = await last(free, placed(free, ids, 0));
    for (const [i, x] of (await last(leading, ids)).entries()) expect(inFront[i]).toBeCloseTo(x, 5);
    expect(await last(free, placed(free, ids, 1))).not.toEqual(inFront);
    expect(placed(free, ids, 1).slice(0, 2)).toEqual([1, free.config.vocabulary]);
    expect(placed(free, ids, 1).slice(-3)).toEqual([5, 9, 2]);
    const cached = await openIncrementalDecoder(free);
    const logits = await logitsAfter(cached, cached.open(), placed(free, ids, 1));
    const forward = await forwardOf(free);
    const { lastHidden } = await forward.run([placed(free, ids, 1)]);
    const expected = await forward.logits(lastHidden.data.subarray(-free.config.hiddenSize));
    for (const [i, x] of expected.entries()) expect(logits[i]).toBeCloseTo(x, 4);
    await cached.dispose();
  });
});
