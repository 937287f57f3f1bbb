import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { call } from '../command-line.ts';
import { temporaryFolder } from '../hostile.ts';
import { goldenPath } from '../model/goldens.ts';
import { shippedModel } from '../shared.ts';

interface Told {
  readonly reference: { readonly perplexity: number; readonly bytes: number; readonly decodeTokensPerSecond: number };
  readonly models: readonly {
    readonly model: string;
    readonly bytes: number;
    readonly perplexity: number;
    readonly deltaNll: number;
    readonly low: number;
    readonly high: number;
    readonly kl: number;
    readonly sameTop: number;
    readonly decodeTokensPerSecond: number;
  }[];
}

interface Row {
  readonly model: string;
  readonly tokens: number;
  readonly nll: number;
  readonly referenceNll: number;
  readonly kl: number;
  readonly sameTop: number;
}

function text(): string {
  const path = join(temporaryFolder(), 'text.txt');
  const card = readFileSync(join(shippedModel, 'README.md'), 'utf8').slice(0, 2500);
  writeFileSync(path, card);
  return path;
}

async function told(...argv: string[]): Promise<Told> {
  const { code, out, err } = await call([...argv, '--json', '--quiet']);
  expect(code, err).toBe(0);
  return JSON.parse(out) as Told;
}

async function quantized(bits: string, ...more: string[]): Promise<string> {
  const path = join(temporaryFolder(), `rtn-${bits}`);
  const options = ['--scheme', 'rtn', '--bits', bits, '--format', 'hf', ...more, '--quiet'];
  expect(await call(['quantize', shippedModel, path, ...options])).toMatchObject({ code: 0 });
  return path;
}

describe('cria compare', () => {
  test('a model beside itself changes nothing, to the bit', async () => {
    // spec 5.16
    const { reference, models } = await told('compare', shippedModel, shippedModel, '--text', text(), '--speed', '4');
    expect(models).toMatchObject([
      { deltaNll: 0, low: 0, high: 0, kl: 0, sameTop: 1, perplexity: reference.perplexity },
    ]);
    expect(models[0]?.decodeTokensPerSecond).toBeGreaterThan(1);
  });

  test('fewer bits diverge more, and every figure can be computed again from the rows', async () => {
    const [out, file] = [join(temporaryFolder(), 'out'), text()];
    const paths = [await quantized('8'), await quantized('3')];
    const { models } = await told('compare', shippedModel, ...paths, '--text', file, '--speed', '0', '--out', out);
    const [eight, three] = models as [Told['models'][number], Told['models'][number]];
    expect(three.kl).toBeGreaterThan(20 * eight.kl);
    expect(three.sameTop).toBeLessThan(eight.sameTop);
    expect(three.low).toBeLessThanOrEqual(three.deltaNll);
    expect(three.high).toBeGreaterThanOrEqual(three.deltaNll);

    const rows = readFileSync(join(out, 'rows.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Row);
    for (const model of models) {
      const own = rows.filter((row) => row.model === model.model);
      const total = (of: (row: Row) => number) =>
        own.reduce((sum, row) => sum + of(row), 0) / own.reduce((sum, row) => sum + row.tokens, 0);
      expect(Math.exp(total(({ nll }) => nll))).toBeCloseTo(model.perplexity, 8);
      expect(total(({ nll, referenceNll }) => nll - referenceNll)).toBeCloseTo(model.deltaNll, 10);
      expect(total(({ kl }) => kl)).toBeCloseTo(model.kl, 10);
      expect(total(({ sameTop }) => sameTop)).toBeCloseTo(model.sameTop, 10);
    }
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('95% interval');
    const bound = await told('compare', shippedModel, ...paths, '--text', file, '--speed', '0', '--kl', 'bound');
    for (const [i, { kl }] of bound.models.entries()) expect(kl).toBeLessThan(models[i]?.kl as number);
  });

  test.each(['auto', 'never'])('windows are those of perplexity, with --bos %s', async (bos) => {
    const asked = ['--text', text(), '--context', '64', '--bos', bos];
    const { reference } = await told('compare', shippedModel, shippedModel, ...asked, '--speed', '0');
    const { perplexity } = (await told('perplexity', shippedModel, ...asked)) as unknown as { perplexity: number };
    expect(reference.perplexity / perplexity).toBeCloseTo(1, 5);
  });

  test('quantize --measure gives the same figures', async () => {
    const [file, path] = [text(), join(temporaryFolder(), 'out')];
    const measured = (await told('quantize', shippedModel, path, '--scheme', 'nf4', '--measure', file)) as object;
    const { reference, models } = await told('compare', shippedModel, path, '--text', file, '--speed', '0');
    const [{ perplexity, kl, sameTop, deltaNll } = {} as Told['models'][number]] = models;
    expect(measured).toMatchObject({
      perplexityBefore: reference.perplexity,
      perplexityAfter: perplexity,
      kl,
      sameTop,
      deltaNll,
    });
    expect(readFileSync(join(path, 'rows.jsonl'), 'utf8')).toContain('"window":0');
  });

  test.each<[string, () => readonly string[], RegExp]>([
    ['no text', () => [shippedModel, shippedModel], /--text is required/],
    [
      'a model of another tokenizer',
      () => [shippedModel, goldenPath('llama'), '--text', text()],
      /has another vocabulary|no tokenizer/,
    ],
    [
      'windows beyond the context',
      () => [shippedModel, shippedModel, '--text', text(), '--context', '512'],
      /512 tokens do not fit in its context of 256/,
    ],
  ])('refuses %s', async (_, argv, sentence) => {
    const { code, out, err } = await call(['compare', ...argv(), '--json', '--quiet']);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(sentence);
  });
});
