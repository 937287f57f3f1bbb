import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Model, open } from '../../src/index.ts';
import { openIncrementalDecoder } from '../../src/model/index.ts';
import { shippedModel } from '../shared.ts';
import { logitsAfter } from './goldens.ts';

interface Golden {
  readonly texts: readonly {
    readonly prompt: string;
    readonly ids: readonly number[];
    readonly written: readonly number[];
    readonly gap: number;
  }[];
}

const { texts }: Golden = JSON.parse(readFileSync(join(import.meta.dirname, '../goldens/tiny.json'), 'utf8'));
const certain = 1e-3; // a gap between the two likeliest logits that rounding does not close

let model: Model | undefined;
beforeAll(async () => {
  model = await open(shippedModel, { precision: 'f32' });
});
afterAll(() => model?.close());

test('most golden texts are decided by more than rounding', () => {
  expect(texts.filter(({ gap }) => gap > certain).length).toBeGreaterThan(texts.length / 2);
});

test.each(texts)('cria-tiny continues $prompt as transformers does', async ({ prompt, ids, written, gap }) => {
  const { tokenizer, loaded } = model as Model;
  expect(tokenizer.encode(prompt)).toEqual(ids);
  const cached = await openIncrementalDecoder(loaded);
  try {
    const sequence = cached.open();
    const got: number[] = [];
    let logits = await logitsAfter(cached, sequence, ids);
    for (const _ of written) {
      const likeliest = logits.indexOf(Math.max(...logits));
      got.push(likeliest);
      if (got.length < written.length) logits = await logitsAfter(cached, sequence, [likeliest]);
    }
    if (gap > certain) expect(got).toEqual(written);
    else expect(got[0]).toEqual(written[0]);
  } finally {
    await cached.dispose();
  }
});
