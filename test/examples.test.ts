import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { shared, shippedModel } from './shared.ts';

type Main = (path: string, write: (text: string) => void) => Promise<void>;

const folder = resolve(import.meta.dirname, '../examples');
const real = shared('models', 'smollm2-135m-instruct.Q4_1.gguf');
const model = real ?? shippedModel;

/** What an example's text has, whatever the model; with SmolLM2 what its figures say too. */
const claims: Readonly<Record<string, (text: string) => void>> = {
  'chat.ts': (text) => {
    const [first, answer, second] = text.split('> ').flatMap((turn) => turn.split('\n'));
    expect([first, answer]).toEqual(['', 'What is the capital of Peru?']);
    expect(second).not.toBe('');
    if (real) expect(text).toContain('Lima');
  },
  'generate.ts': (text) => {
    expect(text.match(/^The llama is an animal that.*?\n\[(length|end|stop), \d+ tokens\/s\]$/gms)).toHaveLength(2);
  },
  'method.ts': (text) => {
    const rows = [...text.matchAll(/^layer (\d+) ([a-z.]+): largest ([\d.]+), ([\d.]+) times the median column$/gm)];
    expect(rows).toHaveLength(text.trim().split('\n').length);
    expect(new Set(rows.map(([, layer, path]) => `${layer} ${path}`)).size).toBe(rows.length);
    expect(rows.every(([, , , , ratio]) => Number(ratio) >= 1)).toBe(true);
    if (real) expect(rows).toHaveLength(30 * 4);
  },
  'score.ts': (text) => {
    const [paris, cheese] = [...text.matchAll(/perplexity ([\d.]+)/g)].map(([, figure]) => Number(figure));
    expect(paris).toBeGreaterThan(1);
    if (real) expect(cheese).toBeGreaterThan(2 * (paris as number));
  },
  'taps.ts': (text) => {
    const [shape, plain, edited] = text.split('\n') as [string, string, string];
    expect(shape).toMatch(/: 1 x \d+ x (\d+) x \1$/);
    expect(plain).toContain('The capital of France is');
    expect(edited).not.toBe(plain);
    if (real) expect(plain).toContain('Paris');
  },
  'train.ts': (text) => {
    const [figures, before, after] = text.split('\n') as [string, string, string];
    const [, first, last] = /^\d+ numbers, loss ([\d.]+) to ([\d.]+)$/.exec(figures) as unknown as string[];
    expect(Number(last)).toBeLessThan(Number(first) / 2);
    expect(before).not.toContain('Paco');
    if (real) expect(after).toContain('Paco.');
  },
};

test('every example is tested', () => {
  expect(readdirSync(folder).filter((name) => name.endsWith('.ts'))).toEqual(Object.keys(claims));
});

// seconds on an idle machine, but the tests keep it busy
test.each(Object.entries(claims))('examples/%s runs', { timeout: 180_000 }, async (name, claim) => {
  const { main } = (await import(join(folder, name))) as { readonly main: Main };
  let text = '';
  await main(model, (part) => {
    text += part;
  });
  claim(text);
});
