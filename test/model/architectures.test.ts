import { describe, expect, test } from 'vitest';
import type { Value } from '../../src/engine/index.ts';
import { activationPaths, type Config, type Plan } from '../../src/model/index.ts';
import { mul, type Tensor } from '../../src/tensor/index.ts';
import {
  distance,
  forwardOf,
  goldenNames,
  goldenPath,
  logitsOf,
  opened,
  readGolden,
  rowAt,
  withWeights,
} from './goldens.ts';

const plans: readonly Plan[] = ['whole', 'by-layer'];
const tolerance = 1e-4; // absolute, on logits of up to 10; the golden values have six digits

describe.each(goldenNames)('%s', (name) => {
  const golden = readGolden(name);
  const texts = golden.sequences.map(({ ids }) => ids);
  const [first, second] = texts as [readonly number[], readonly number[]];

  describe.each(plans)('%s', (plan) => {
    test('logits at every position and hidden states of every layer are those of transformers', async () => {
      const model = opened(goldenPath(name), { plan });
      const between = Array.from({ length: model.config.layers - 1 }, (_, i) => `layers.${i}.residual.post`);
      const states = ['embedding', ...between, 'norm'];
      const forward = await forwardOf(model, { read: states });
      expect(forward.plan).toBe(plan);
      for (const { ids, logits, hiddenStates } of golden.sequences) {
        const { lastHidden, read } = await forward.run([ids]);
        expect(distance(await forward.logits(lastHidden.data), logits.flat())).toBeLessThan(tolerance);
        for (const [i, path] of states.entries()) {
          const state = rowAt(read[path] as Value<'f32'>, ids.length - 1);
          expect(distance(state, hiddenStates[i] as number[]), path).toBeLessThan(tolerance);
        }
      }
    });

    test('texts of unequal lengths in a batch are what each of them is alone', async () => {
      const forward = await forwardOf(opened(goldenPath(name), { plan }));
      const together = await forward.run(texts);
      for (const [i, ids] of texts.entries()) {
        const alone = await forward.run([ids]);
        for (const position of ids.keys()) {
          expect(distance(rowAt(together.lastHidden, position, i), rowAt(alone.lastHidden, position))).toBeLessThan(
            1e-5,
          );
        }
      }
    });

    test('every documented activation has its documented shape, and reading all changes no logit', async () => {
      const model = opened(goldenPath(name), { plan });
      const paths = activationPaths(model.config);
      const reading = await forwardOf(model, { read: paths });
      const { lastHidden, read } = await reading.run([first, second]);
      for (const path of paths) expect(read[path]?.shape, path).toEqual(shapeOf(path, model.config, 2, first.length));
      const plain = await (await forwardOf(model)).run([first, second]);
      expect(distance(lastHidden.data, plain.lastHidden.data)).toBeLessThan(tolerance);
      expect(distance(lastHidden.data, (read.norm as Value<'f32'>).data)).toBe(0);
    });

    test('the attention pattern is causal, sums to 1, and mixes the values into what the fused kernel gives', async () => {
      const model = opened(goldenPath(name), { plan });
      const { read: seen } = await (await forwardOf(model, { read: perLayer(model.config, 'pattern') })).run([first]);
      const others = [...perLayer(model.config, 'value'), ...perLayer(model.config, 'heads')];
      const { read: fused } = await (await forwardOf(model, { read: others })).run([first]);
      for (let layer = 0; layer < model.config.layers; layer++) {
        const at = (part: string) => `layers.${layer}.attention.${part}`;
        const pattern = seen[at('pattern')] as Value<'f32'>;
        expectPattern(pattern, model.config.slidingWindows[layer] ?? Number.POSITIVE_INFINITY);
        const mixed = mixedValues(pattern, fused[at('value')] as Value<'f32'>, model.config);
        expect(distance(mixed, (fused[at('heads')] as Value<'f32'>).data)).toBeLessThan(tolerance);
      }
    });

    test('replacing every activation by itself changes nothing', async () => {
      const model = opened(goldenPath(name), { plan });
      const same = Object.fromEntries(activationPaths(model.config).map((path) => [path, (x: Tensor) => x]));
      const edited = await logitsOf(await forwardOf(model, { edits: same }), first);
      expect(distance(edited, await logitsOf(await forwardOf(model), first))).toBeLessThan(tolerance);
    });

    test.each([
      ['attention.heads', 0, 'self_attn.o_proj'],
      ['mlp.hidden', -2, 'mlp.down_proj'], // not 2: a norm follows in Gemma
    ])('multiplying %s by %d is multiplying the weights of %s', async (path, factor, weight) => {
      const model = opened(goldenPath(name), { plan });
      const edits = { [`layers.0.${path}`]: (x: Tensor) => mul(x, factor) };
      const edited = await logitsOf(await forwardOf(model, { edits }), first);
      const changed = withWeights(model, (tensor, values) => {
        if (tensor === `model.layers.0.${weight}.weight`)
          for (const i of values.keys()) values[i] = (values[i] as number) * factor;
      });
      expect(distance(edited, await logitsOf(await forwardOf(changed), first))).toBeLessThan(tolerance);
      expect(distance(edited, await logitsOf(await forwardOf(model), first))).toBeGreaterThan(0.01);
    });

    test('an edit of the embedding and of the final norm acts', async () => {
      const model = opened(goldenPath(name), { plan });
      const plain = await (await forwardOf(model)).run([second]);
      const silent = { embedding: (x: Tensor) => mul(x, 0) };
      const { read } = await (await forwardOf(model, { edits: silent, read: ['embedding'] })).run([second]);
      expect((read.embedding as Value<'f32'>).data.every((x) => x === 0)).toBe(true);
      const doubled = await (await forwardOf(model, { edits: { norm: (x) => mul(x, 2) } })).run([second]);
      expect(
        distance(
          doubled.lastHidden.data,
          plain.lastHidden.data.map((x) => 2 * x),
        ),
      ).toBeLessThan(tolerance);
    });

    test.each(['layers.0.attention.key', 'layers.1.mlp.gate', 'layers.0.residual.mid'])(
      'an edit of %s acts',
      async (path) => {
        const model = opened(goldenPath(name), { plan });
        const edited = await logitsOf(await forwardOf(model, { edits: { [path]: (x) => mul(x, 0.5) } }), first);
        expect(distance(edited, await logitsOf(await forwardOf(model), first))).toBeGreaterThan(0.01);
      },
    );

    test('an unknown path is refused by name, to read and to edit', async () => {
      const model = opened(goldenPath(name), { plan });
      for (const path of ['layers.0.attention.hats', `layers.${model.config.layers}.mlp.hidden`, 'logits']) {
        await expect(forwardOf(model, { read: [path] })).rejects.toThrow(`no activation is called ${path}`);
        await expect(forwardOf(model, { edits: { [path]: (x) => x } })).rejects.toThrow(path);
      }
    });
  });

  test('both plans give the same numbers', async () => {
    const results = plans.map(async (plan) => (await forwardOf(opened(goldenPath(name), { plan }))).run(texts));
    const [whole, byLayer] = await Promise.all(results);
    expect(distance(whole?.lastHidden.data ?? [], byLayer?.lastHidden.data ?? [])).toBeLessThan(1e-5);
  });

  test('the log-probability of a token is its logit less the logarithm of the sum of exponentials', async () => {
    const forward = await forwardOf(opened(goldenPath(name)));
    const { lastHidden } = await forward.run([first]);
    const { logits } = golden.sequences[0] as { logits: readonly (readonly number[])[] };
    const measured = await forward.likelihoods(lastHidden.data, [...first.slice(1), 0]);
    const expected = [...first.slice(1), 0].map((id, i) => {
      const row = logits[i] as readonly number[];
      return (row[id] as number) - Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0));
    });
    expect(distance(measured, expected)).toBeLessThan(tolerance);
  });
});

const perLayer = ({ layers }: Config, part: string): string[] =>
  Array.from({ length: layers }, (_, i) => `layers.${i}.attention.${part}`);

function shapeOf(path: string, config: Config, batch: number, seq: number): readonly number[] {
  const { hiddenSize, heads, keyValueHeads, headSize, intermediateSize } = config;
  const part = path.replace(/^layers\.\d+\./, '');
  if (part === 'attention.pattern') return [batch, heads, seq, seq];
  if (part.startsWith('attention.key') || part === 'attention.value') return [batch, seq, keyValueHeads * headSize];
  if (part.startsWith('attention.query') || part === 'attention.heads') return [batch, seq, heads * headSize];
  if (part === 'mlp.gate' || part === 'mlp.up' || part === 'mlp.hidden') return [batch, seq, intermediateSize];
  return [batch, seq, hiddenSize];
}

/** A position gives attention to itself and to what came before it, within the window, 1 in all. */
function expectPattern({ shape, data }: Value<'f32'>, window: number): void {
  const [, heads, seq, total] = shape as [number, number, number, number];
  let [unseen, furthest] = [0, 0];
  for (let row = 0; row < heads * seq; row++) {
    const [own, at] = [row % seq, row * total];
    let sum = 0;
    for (let j = 0; j < total; j++) {
      const weight = data[at + j] as number;
      sum += weight;
      if (j > own || j <= own - window) unseen = Math.max(unseen, Math.abs(weight));
    }
    furthest = Math.max(furthest, Math.abs(sum - 1));
  }
  expect(unseen).toBe(0);
  expect(furthest).toBeLessThan(1e-6);
}

/** sum over positions of pattern times value, head by head: [seq, heads * size] of one text. */
function mixedValues(
  pattern: Value<'f32'>,
  values: Value<'f32'>,
  { heads, keyValueHeads, headSize }: Config,
): Float64Array {
  const seq = pattern.shape[2] as number;
  const mixed = new Float64Array(seq * heads * headSize);
  for (let head = 0; head < heads; head++) {
    const from = Math.floor((head * keyValueHeads) / heads);
    for (let i = 0; i < seq; i++) {
      for (let j = 0; j < seq; j++) {
        const weight = pattern.data[(head * seq + i) * seq + j] as number;
        for (let e = 0; e < headSize; e++) {
          const value = values.data[(j * keyValueHeads + from) * headSize + e] as number;
          mixed[(i * heads + head) * headSize + e] =
            (mixed[(i * heads + head) * headSize + e] as number) + weight * value;
        }
      }
    }
  }
  return mixed;
}
