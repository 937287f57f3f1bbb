import { readFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { type Forward, likeliest, loadModel, openForward } from '../model/index.ts';
import { perplexity } from './perplexity.ts';
import { score } from './score.ts';
import { windowsOf } from './text.ts';

// What transformers computed for tiny models: every position's logits.
interface Sequence {
  readonly ids: number[];
  readonly logits: number[][];
}

const opened: { close(): Promise<void> }[] = [];
afterAll(() => Promise.all(opened.map((each) => each.close())));

async function open(name: string): Promise<{ forward: Forward; sequences: Sequence[] }> {
  const path = `test/goldens/architectures/${name}`;
  const model = loadModel(path);
  const forward = await openForward(model);
  opened.push({ close: () => forward.dispose().then(() => model.close()) });
  return { forward, sequences: JSON.parse(readFileSync(`${path}/golden.json`, 'utf8')).sequences };
}

/** log softmax(logits)[id], as its definition has it. */
function logSoftmax(logits: readonly number[], id: number): number {
  return (logits[id] as number) - Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
}

const expectedOf = ({ ids, logits }: Sequence) => ids.slice(1).map((id, i) => logSoftmax(logits[i] as number[], id));

test.each(['llama', 'llama-tied', 'qwen3', 'gemma3'])(
  "%s gives tokens transformers' log-probabilities, texts of several lengths in one batch",
  async (name) => {
    const { forward, sequences } = await open(name);
    const whole = sequences[0] as Sequence;
    const cuts = [whole.ids.length, 3, 1, 7].map((length) => ({
      ids: whole.ids.slice(0, length),
      logits: whole.logits.slice(0, length),
    }));
    const scored = await score(
      forward,
      cuts.map(({ ids }) => ids),
      { top: 5 },
    );
    for (const [i, cut] of cuts.entries()) {
      const { ids, logprobs, top } = scored[i] as (typeof scored)[number];
      expect(ids).toEqual(cut.ids);
      const expected = expectedOf(cut);
      expect(logprobs).toHaveLength(expected.length);
      for (const [j, value] of expected.entries()) expect(logprobs[j]).toBeCloseTo(value, 3);
      const last = cut.logits.at(-1) as number[];
      const order = last.map((_, id) => id).sort((a, b) => (last[b] as number) - (last[a] as number));
      expect(top.map(({ id }) => id)).toEqual(order.slice(0, 5));
      for (const { id, logit, logprob } of top) {
        expect(logit).toBeCloseTo(last[id] as number, 3);
        expect(logprob).toBeCloseTo(logSoftmax(last, id), 3);
      }
    }
  },
);

test("the perplexity of one window is that of transformers' logits, and has no interval", async () => {
  const { forward, sequences } = await open('llama');
  const sequence = sequences[0] as Sequence;
  const expected = expectedOf(sequence);
  const nll = -expected.reduce((sum, value) => sum + value, 0) / expected.length;
  const result = await perplexity(forward, sequence.ids, { context: sequence.ids.length });
  expect(result.nll).toBeCloseTo(nll, 3);
  expect(result.perplexity / Math.exp(nll)).toBeCloseTo(1, 3);
  expect(result).toMatchObject({ predicted: expected.length, low: undefined, high: undefined });
});

test('windows of 2 tokens with a stride of 1 predict from the token before alone', async () => {
  const { forward, sequences } = await open('llama');
  const { ids } = sequences[0] as Sequence;
  const pairs = ids.slice(1).map((id, i) => [ids[i] as number, id]);
  const alone = await Promise.all(pairs.map((pair) => score(forward, [pair])));
  const nll = -alone.reduce((sum, [scored]) => sum + (scored?.logprobs[0] as number), 0) / pairs.length;
  const result = await perplexity(forward, ids, { context: 2, stride: 1 });
  expect(result.nll).toBeCloseTo(nll, 5);
  expect(result.predicted).toBe(ids.length - 1);
  expect(result.low).toBeLessThan(result.perplexity);
  expect(result.high).toBeGreaterThan(result.perplexity);
});

test.each([
  [
    10,
    4,
    4,
    [
      [0, 4, 1],
      [4, 8, 1],
      [8, 10, 1],
    ],
  ],
  [
    9,
    4,
    4,
    [
      [0, 4, 1],
      [4, 8, 1],
    ],
  ], // the last token stands alone: nothing before it in its window
  [
    10,
    4,
    2,
    [
      [0, 4, 1],
      [2, 6, 2],
      [4, 8, 2],
      [6, 10, 2],
    ],
  ],
  [
    9,
    4,
    3,
    [
      [0, 4, 1],
      [3, 7, 1],
      [6, 9, 1],
    ],
  ],
  [3, 8, 2, [[0, 3, 1]]],
])('%i tokens in windows of %i every %i', (length, context, stride, expected) => {
  const ids = Array.from({ length }, (_, i) => i);
  expect(windowsOf(ids, context, stride)).toEqual(
    expected.map(([begin, end, from]) => ({ ids: ids.slice(begin, end), from })),
  );
});

test.each([
  [{ context: 4, stride: 5 }, 'the stride must be at most the context of 4 tokens (got 5)'],
  [{ context: 1 }, 'the context must be at least 2 (got 1)'],
])('%j is refused', async (options, sentence) => {
  const { forward } = await open('llama');
  await expect(perplexity(forward, [1, 2, 3], options)).rejects.toThrow(sentence);
});

test('an aborted score stops with its reason', async () => {
  const { forward } = await open('llama');
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(score(forward, [[1, 2]], { signal })).rejects.toThrow('enough');
});

test('of equal logits the smaller ids come first', () => {
  const [first, second] = likeliest(Float32Array.of(0, 2, 2, 1, 2), 2);
  expect([first?.id, second?.id]).toEqual([1, 2]);
  const sum = 3 * Math.exp(2) + Math.exp(1) + 1;
  expect(first?.logprob).toBeCloseTo(2 - Math.log(sum), 6);
});
