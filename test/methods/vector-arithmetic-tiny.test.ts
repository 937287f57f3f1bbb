import { expect, test } from 'vitest';
import { type Random, randomFrom, silent } from '../../src/base/index.ts';
import { ablated, ablationTexts, meanHeads } from '../../src/methods/vector-arithmetic/ablation.ts';
import { topHeads, usualTop } from '../../src/methods/vector-arithmetic/heads.ts';
import {
  conceptPair,
  drawEntities,
  entityPrompts,
  randomEntities,
  tokenPair,
} from '../../src/methods/vector-arithmetic/prompts.ts';
import { headScores } from '../../src/methods/vector-arithmetic/scores.ts';
import { fillerFromVocabulary } from '../../src/methods/vector-arithmetic/sources.ts';
import { beginningId, newlineId, wordIds } from '../../src/methods/vector-arithmetic/spelling.ts';
import { openTokenizer } from '../../src/tokenizer/index.ts';
import { entityNames, type HeldOut, worldOf } from '../../src/world/index.ts';
import { opened } from '../model/goldens.ts';
import { needs, shippedModel } from '../shared.ts';

const path = shippedModel();
const { skip, reason } = needs(path, 'models/cria-tiny');
const [prompts, questions] = [64, 96];
type Ask = (random: Random) => HeldOut;

test.skipIf(skip)(
  `on cria-tiny token heads matter more for copying, concept heads more for translation (oracle 11)${reason}`,
  { timeout: 300_000 },
  async () => {
    const model = opened(path as string, { threads: 1, precision: 'f32' });
    const tokenizer = openTokenizer(model.checkpoint.tokenizer, model.checkpoint.generation);
    const [world, random] = [worldOf(0), randomFrom(1)];
    const parts = {
      beginning: beginningId(tokenizer, model.path),
      newline: newlineId(tokenizer, model.path),
      filler: fillerFromVocabulary(tokenizer, random),
      length: 16,
    };
    const names = entityNames(world).map((name) => wordIds(tokenizer, name));
    const concept = drawEntities(names, prompts, random, 'the world').map((name) => entityPrompts(parts, name, random));
    const token = randomEntities(parts, prompts, random).map((run) => entityPrompts(parts, run, random));
    const watch = { progress: silent };
    const scores = {
      concept: await headScores(model, 'concept', concept.map(conceptPair), watch),
      token: await headScores(model, 'token', token.map(tokenPair), watch),
    };

    const translation = world.skills.find(({ name }) => name === 'translation')?.tasks.translation as Ask;
    const texts = {
      ...ablationTexts(tokenizer, parts, [], 0, random),
      mapping: Array.from({ length: questions }, () => {
        const { prompt, completion } = translation(random);
        const before = tokenizer.encode(prompt);
        return { ids: [...before, ...tokenizer.encode(completion, { special: false })], from: before.length };
      }),
    };
    const means = await meanHeads(model, texts, undefined);
    const whole = await ablated(model, texts, means, [], watch);
    const left = async (kind: 'concept' | 'token') => {
      const { heads } = scores[kind];
      const without = await ablated(model, texts, means, topHeads(heads, usualTop(heads.length)), watch);
      return { copying: without.copying / whole.copying, translation: without.mapping / whole.mapping };
    };
    expect(whole.copying).toBeGreaterThan(0.5);
    expect(whole.mapping).toBeGreaterThan(0.5);
    const [withoutToken, withoutConcept] = [await left('token'), await left('concept')];
    expect(withoutToken.copying).toBeLessThan(withoutToken.translation);
    expect(withoutConcept.translation).toBeLessThan(withoutConcept.copying);
  },
);
