import { expect, onTestFinished, test } from 'vitest';
import { beginning, entities, fillers, newline, plantedModel } from '../../../test/methods/planted.ts';
import { randomFrom, silent } from '../../base/index.ts';
import { ablated, meanHeads } from './ablation.ts';
import { entityPrompts } from './prompts.ts';

test('copying goes without the head that copies, naming without the head that carries the name', async () => {
  const model = await plantedModel();
  onTestFinished(() => model.close());
  const parts = { beginning, newline, filler: fillers, length: 20 };
  const list = fillers.slice(0, 12);
  const texts = {
    copying: [{ ids: [beginning, ...list, newline, ...list], from: 15 }],
    // an entity's second token, which both what is copied and the concept tell
    mapping: entities.map((entity) => {
      const { clean } = entityPrompts(parts, entity, randomFrom(entity[0]));
      return { ids: [...clean, entity[1]], from: clean.length };
    }),
    plain: [0, 20].map((from) => [beginning, ...fillers.slice(from, from + 20)]),
  };
  const means = await meanHeads(model, texts, undefined);
  const without = (layer: number, ...heads: number[]) =>
    ablated(
      model,
      texts,
      means,
      heads.map((head) => ({ layer, head })),
      { progress: silent },
    );
  const whole = await without(0);
  expect(whole.copying).toBeGreaterThan(0.8);
  expect(whole.mapping).toBeGreaterThan(0.8);
  const copyless = await without(1, 0);
  expect(copyless.copying).toBeLessThan(0.1);
  expect(copyless.mapping).toBeGreaterThan(0.8); // the concept still tells the second token
  const conceptless = await without(1, 1);
  expect(conceptless.copying).toBeGreaterThan(0.8);
  expect((await without(1, 0, 1)).mapping).toBeLessThan(0.1);
});
