import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { call } from '../../test/command-line.ts';
import { needs, shared, shippedModel } from '../../test/shared.ts';

const folder = mkdtempSync(join(tmpdir(), 'cria-perplexity-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(content: string): string {
  const path = join(folder, 'text.txt');
  writeFileSync(path, content);
  return path;
}

const model = shared('models', 'smollm2-135m-instruct.Q4_1.gguf') ?? '';
const wikitext = shared('data', 'wikitext-2', 'valid.txt') ?? '';
const perplexities = shared('goldens', 'perplexity.json') ?? '';
const logits = shared('goldens', 'logits.json') ?? '';
const here = model && wikitext && perplexities && logits;
const { skip, reason } = needs(here || undefined, 'the SmolLM2 measurement data');

const measure = (...argv: string[]) => call(['perplexity', model, ...argv]);

test.skipIf(skip)(`a text in one window has the perplexity of transformers' log-probabilities${reason}`, async () => {
  const { completions } = JSON.parse(readFileSync(logits, 'utf8'));
  const { text, token_logprobs: logprobs } = completions[0];
  const { out } = await measure('--text', file(text), '--json');
  const told = JSON.parse(out);
  const nll = -logprobs.reduce((sum: number, value: number) => sum + value, 0) / logprobs.length;
  expect(told.nll).toBeCloseTo(nll, 3);
  expect(told).toMatchObject({ predicted: logprobs.length, tokens: logprobs.length + 1, context: 512 });
  expect(told.tokensPerSecond).toBeGreaterThan(0);
});

/** cria-tiny, whose tokenizer asks for a beginning-of-text token: what `score` says of the same windows. */
test.each([
  ['auto', 20, true],
  ['always', 20, true],
  ['never', 20, false],
  ['auto', 256, true],
])(
  '--bos %s with windows of %i tokens predicts the same tokens, begun with that token or not',
  async (bos, context, expected) => {
    const text = file('The capital of France is Paris. The capital of Peru is Lima. '.repeat(24));
    const argv = ['perplexity', shippedModel, '--text', text, '--tokens', '300', '--context', `${context}`];
    const told = JSON.parse((await call([...argv, '--bos', bos, '--json'])).out);
    const ids: number[] = JSON.parse(
      (await call(['tokenize', shippedModel, '--file', text, '--no-special', '--json'])).out,
    ).ids;
    const windows = Array.from({ length: Math.ceil(300 / context) }, (_, i) =>
      ids.slice(i * context, Math.min(300, (i + 1) * context)),
    );
    const begun = windows.map((window) => [1, ...window.slice(1)]);
    const rows = join(folder, 'rows.jsonl');
    const read = expected ? begun : windows;
    writeFileSync(rows, read.map((each) => `${JSON.stringify({ ids: each })}\n`).join(''));
    const scored = JSON.parse((await call(['score', shippedModel, '--file', rows, '--json'])).out);
    const logprobs = scored.rows.flatMap((row: { logprobs: number[] }) => row.logprobs);
    expect(told).toMatchObject({ bos: expected, predicted: logprobs.length });
    expect(told.nll).toBeCloseTo(-logprobs.reduce((sum: number, each: number) => sum + each, 0) / logprobs.length, 5);
  },
);

test('a tokenizer that has no such token is told when it is asked for', async () => {
  const argv = ['perplexity', shippedModel, '--text', file('a b c d'), '--bos'];
  expect((await call([...argv, 'sometimes'])).err).toContain("must be one of auto, always, never (got 'sometimes')");
});

const slow = process.env.CRIA_SLOW === '1';
const timeout = 300_000;

async function isTransformers(name: string): Promise<void> {
  const { tokens, context, predicted, perplexity, nll } = JSON.parse(readFileSync(perplexities, 'utf8'))[name];
  const { out } = await measure('--text', wikitext, '--tokens', `${tokens}`, '--context', `${context}`, '--json');
  const told = JSON.parse(out);
  expect(told.predicted).toBe(predicted);
  expect(Math.abs(told.perplexity / perplexity - 1)).toBeLessThan(1e-3);
  expect(Math.abs(told.nll / nll - 1)).toBeLessThan(1e-3);
  expect(told.low).toBeLessThan(told.perplexity);
  expect(told.high).toBeGreaterThan(told.perplexity);
}

test.skipIf(skip)(`8192 tokens of WikiText-2 are within 0.1% of transformers${reason}`, { timeout }, () =>
  isTransformers('wikitext-2-valid-512'),
);

test.skipIf(skip || !slow)(
  `16384 tokens in windows of 1024 are within 0.1% of transformers${reason || (slow ? '' : ' [skipped: CRIA_SLOW=1 runs it]')}`,
  { timeout },
  () => isTransformers('wikitext-2-valid-1024'),
);

test.skipIf(skip).each([
  [[], '--text is required (for example --text book.txt)'],
  [['--text', 'nowhere.txt'], 'nowhere.txt: does not exist'],
  [['--text', 'ONE'], 'text.txt: has fewer than two tokens'],
  [
    ['--text', 'SOME', '--context', '9000'],
    'windows of 9000 tokens do not fit in its context of 8192 (pass --context 8192 or less)',
  ],
  [['--text', 'SOME', '--context', '4', '--stride', '5'], 'the stride must be at most the context of 4 tokens (got 5)'],
])(`%j is refused${reason}`, async (argv, sentence) => {
  const words = argv.map((word) => (word === 'ONE' ? file('a') : word === 'SOME' ? file('a b c d') : word));
  const { code, out, err } = await measure(...words);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain(sentence);
});
