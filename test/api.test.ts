import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { open } from '../src/index.ts';
import { temporaryFolder } from './hostile.ts';
import { goldenPath } from './model/goldens.ts';

/** The tiny random Llama with a tokenizer whose tokens are single characters. */
function tinyModel(): string {
  const folder = temporaryFolder();
  cpSync(goldenPath('llama'), folder, { recursive: true });
  const vocab = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [String.fromCharCode(65 + i), i]));
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify({ model: { type: 'BPE', vocab, merges: [] } }));
  return folder;
}

test('many prompts are as each of them alone', async () => {
  const model = await open(tinyModel());
  try {
    const prompts = Array.from({ length: 35 }, (_, i) => Array.from({ length: 1 + (i % 4) }, (_, j) => 3 + i + j));
    const bound = vi.spyOn(model.loaded, 'bound');
    await model.generateBatch(prompts.slice(0, 9), { maxTokens: 3 });
    const few = bound.mock.calls.length;
    const results = await model.generateBatch(prompts, { maxTokens: 3 });
    expect(bound.mock.calls.length - few).toBeLessThanOrEqual(few); // no session for each number of texts
    for (const [i, prompt] of prompts.entries()) {
      const alone = model.generate(prompt, { maxTokens: 3 });
      let next = await alone.next();
      while (!next.done) next = await alone.next();
      expect(results[i]?.ids).toEqual(next.value.ids);
    }
  } finally {
    await model.close();
  }
});
