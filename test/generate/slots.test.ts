import { expect, onTestFinished, test } from 'vitest';
import { type Generated, type GenerateOptions, openSlots, type Slots, type Written } from '../../src/generate/index.ts';
import { activationPaths, openIncrementalDecoder } from '../../src/model/index.ts';
import { add } from '../../src/tensor/index.ts';
import { temporaryFolder } from '../hostile.ts';
import { distance, forwardOf, goldenPath, logitsAfter, logitsOf, opened, readGolden } from '../model/goldens.ts';
import { ggufOf } from '../model/variants.ts';
import { lettersOf, letterTokenizer } from './stubs.ts';

const texts = readGolden('llama-gqa').sequences.map(({ ids }) => ids);
const [prompt] = texts as [readonly number[]];

async function slotsOf(count: number, path = goldenPath('llama-gqa'), keep?: number) {
  const model = opened(path);
  const decoder = await openIncrementalDecoder(model, { together: count });
  onTestFinished(() => decoder.dispose());
  return { model, decoder, slots: openSlots(model, letterTokenizer, decoder, { count, ...(keep ? { keep } : {}) }) };
}

async function whole(slots: Slots, ids: readonly number[], options: GenerateOptions = {}) {
  const written: Written[] = [];
  const pieces = slots.write(ids, options);
  for (;;) {
    const next: IteratorResult<Written, Generated> = await pieces.next();
    if (next.done) return { written, ...next.value };
    written.push(next.value);
  }
}

test.each(['float32', '8 bits'])(
  'in %s a text has the same ids alone and among others that come and go',
  async (weights) => {
    const file = `${temporaryFolder()}/packed.gguf`;
    if (weights === '8 bits') await ggufOf('llama-gqa', 'Q8_0', file);
    const { slots } = await slotsOf(3, weights === '8 bits' ? file : undefined, 1);
    const requests = Array.from({ length: 9 }, (_, i) => {
      const ids = (texts[i % texts.length] as readonly number[]).slice(0, 4 + i);
      return [ids, { maxTokens: 3 + ((i * 5) % 17), temperature: i % 2, seed: i }] as const;
    });
    const alone: (readonly number[])[] = [];
    for (const [ids, options] of requests) alone.push((await whole(slots, ids, options)).ids);
    const together = await Promise.all(requests.map(([ids, options]) => whole(slots, ids, options)));
    expect(together.map(({ ids }) => ids)).toEqual(alone);
    expect([slots.active, slots.waiting]).toEqual([0, 0]);
  },
);

test('a text begins with what another one has read, and is the same', async () => {
  const { slots } = await slotsOf(2);
  const long = [...texts.flat(), ...texts.flat()].slice(0, 30);
  const first = await whole(slots, long, { maxTokens: 4 });
  const second = await whole(slots, [...long.slice(0, 25), 9, 8], { maxTokens: 4 });
  expect([first.cachedTokens, second.cachedTokens]).toEqual([0, 25]);
  const { slots: fresh } = await slotsOf(2);
  expect(second.ids).toEqual((await whole(fresh, [...long.slice(0, 25), 9, 8], { maxTokens: 4 })).ids);
});

test('a caller who leaves frees the slot for one who waits', async () => {
  const { slots } = await slotsOf(1);
  const left = slots.write(prompt, {});
  await left.next();
  const other = whole(slots, prompt, { maxTokens: 3 });
  expect([slots.active, slots.waiting]).toEqual([1, 1]);
  await left.return(undefined as never);
  expect((await other).tokens).toBe(3);
});

test('observers are asked before text is given out: hold, drop, stop, and others go on while one thinks', async () => {
  const { slots } = await slotsOf(2);
  const free = await whole(slots, prompt, { maxTokens: 8 });
  const pieces = (written: readonly Written[]) => written.map(({ text }) => text);
  const held = await whole(slots, prompt, {
    maxTokens: 8,
    observers: [({ ids }) => (ids.length < 4 ? 'hold' : undefined)],
  });
  expect(pieces(held.written)).toEqual([free.text.slice(0, 4), ...free.text.slice(4)]);
  const dropped = await whole(slots, prompt, {
    observers: [({ ids }) => (ids.length < 3 ? undefined : ids.length < 6 ? 'hold' : 'drop')],
  });
  expect(dropped).toMatchObject({ text: free.text.slice(0, 2), finishReason: 'observer', tokens: 6 });
  const stopped = await whole(slots, prompt, { observers: [({ ids }) => (ids.length < 3 ? 'hold' : 'stop')] });
  expect(stopped).toMatchObject({ text: free.text.slice(0, 3), finishReason: 'observer' });
  let think = () => {};
  const thinking = new Promise<undefined>((resolve) => {
    think = () => resolve(undefined);
  });
  const slow = whole(slots, prompt, { maxTokens: 2, observers: [() => thinking] });
  expect((await whole(slots, prompt, { maxTokens: 8 })).ids).toEqual(free.ids);
  think();
  expect((await slow).ids).toEqual(free.ids.slice(0, 2));
  const failed = whole(slots, prompt, {
    observers: [
      () => {
        throw new Error('no opinion');
      },
    ],
  });
  await expect(failed).rejects.toThrow('no opinion');
  expect(slots.active).toBe(0);
});

test('a probe sees the logits behind further tokens, and leaves the text as it was', async () => {
  const { slots, model } = await slotsOf(2);
  const free = await whole(slots, prompt, { maxTokens: 6 });
  const ahead = [7, 11, 13];
  let probed: Float32Array | undefined;
  const seen = await whole(slots, prompt, {
    maxTokens: 6,
    observers: [
      async ({ ids, probe }) => {
        if (ids.length === 3) probed = await probe(ahead);
        return undefined;
      },
    ],
  });
  expect(seen.ids).toEqual(free.ids);
  const all = await logitsOf(await forwardOf(model), [...prompt, ...free.ids.slice(0, 3), ...ahead]);
  expect(distance(probed ?? [], all.slice(-4 * model.config.vocabulary))).toBeLessThan(1e-4);
});

test('log-probabilities are those of the model, before bias, constraint, penalties and temperature', async () => {
  const { slots, model } = await slotsOf(1);
  const only = [5, 6];
  const { ids, written } = await whole(slots, prompt, {
    maxTokens: 3,
    temperature: 2,
    presencePenalty: 1,
    logprobs: 2,
    logitBias: new Map([[6, 3]]),
    constrain: (logits) => {
      for (const id of logits.keys()) if (!only.includes(id)) logits[id] = Number.NEGATIVE_INFINITY;
    },
  });
  expect(ids.every((id) => only.includes(id))).toBe(true);
  const forward = await forwardOf(model);
  const { lastHidden } = await forward.run([[...prompt, ...ids]]);
  const rows = lastHidden.data.slice((prompt.length - 1) * model.config.hiddenSize, -model.config.hiddenSize);
  const expected = await forward.likelihoods(rows, ids);
  const tokens = written.flatMap((each) => each.tokens);
  expect(tokens.map(({ id }) => id)).toEqual(ids);
  expect(
    distance(
      tokens.map(({ logprob }) => logprob as number),
      [...expected],
    ),
  ).toBeLessThan(1e-4);
  expect(tokens.every(({ top }) => (top?.[0]?.logprob as number) >= (top?.[1]?.logprob as number))).toBe(true);
});

test('bias and penalties act: a token that was written is not written again', async () => {
  const { slots } = await slotsOf(1);
  const { ids } = await whole(slots, prompt, { maxTokens: 12, presencePenalty: 100 });
  expect(new Set(ids).size).toBe(ids.length);
  const biased = await whole(slots, prompt, { maxTokens: 4, logitBias: new Map([[7, 1000]]) });
  expect(biased.text).toBe(lettersOf([7, 7, 7, 7]));
});

test.each(['whole', 'by-layer'] as const)(
  'activations are read and edited with a cache as without, %s',
  async (plan) => {
    const model = opened(goldenPath('llama-gqa'), { plan });
    const paths = activationPaths(model.config).filter((path) => !path.endsWith('pattern'));
    const edits = { 'layers.1.mlp.output': (x: Parameters<typeof add>[0]) => add(x, 0.25) };
    const [ids, last] = [prompt.slice(0, 9), prompt.slice(9, 10)];
    const { read: expected, lastHidden } = await (await forwardOf(model, { read: paths, edits })).run([
      [...ids, ...last],
    ]);
    const decoder = await openIncrementalDecoder(model, { read: paths, edits, together: 2 });
    onTestFinished(() => decoder.dispose());
    const [one, other] = [decoder.open(), decoder.open()];
    const [first] = await decoder.extend([{ sequence: one, ids }]);
    await logitsAfter(decoder, other, ids.slice(0, 3));
    const [next] = await decoder.extend([
      { sequence: one, ids: last },
      { sequence: other, ids: [5] },
    ]);
    for (const path of paths) {
      const got = [...(first?.read[path]?.data ?? []), ...(next?.read[path]?.data ?? [])];
      expect(distance(got, [...(expected[path]?.data ?? [])]), path).toBeLessThan(1e-4);
    }
    const forward = await forwardOf(model);
    const row = lastHidden.data.slice(-model.config.hiddenSize);
    expect(distance(next?.logits ?? [], await forward.logits(row))).toBeLessThan(1e-4);
  },
);

test('an observer that never answers keeps no slot when the text is cancelled', async () => {
  const { slots } = await slotsOf(1);
  const controller = new AbortController();
  const stuck = whole(slots, prompt, { observers: [() => new Promise(() => {})], signal: controller.signal });
  const other = whole(slots, prompt, { maxTokens: 3 });
  setTimeout(() => controller.abort(), 20);
  expect(await stuck).toMatchObject({ finishReason: 'cancelled', text: '', tokens: 1 });
  expect((await other).tokens).toBe(3);
  expect([slots.active, slots.waiting]).toEqual([0, 0]);
});
