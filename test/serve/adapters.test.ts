import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { normalFrom, randomFrom } from '../../src/base/index.ts';
import { writeAdapter } from '../../src/checkpoint/index.ts';
import { generate, newSession } from '../../src/generate/index.ts';
import { loadModel, openIncrementalDecoder } from '../../src/model/index.ts';
import { createApp, openModels, type ServedModel } from '../../src/serve/index.ts';
import { collected } from '../generate/stubs.ts';
import { shippedModel } from '../shared.ts';
import { type Body, chat, completion, limits, messages } from './serving.ts';

const folder = mkdtempSync(join(tmpdir(), 'cria-test-'));
const [size, layers] = [256, 8];
const names = ['one', 'two', 'soft'];
let models: ServedModel[] = [];

/** Arbitrary updates of the query and output projections, large enough to change what is said. */
function lora(seed: number, rank: number) {
  const random = normalFrom(randomFrom(seed));
  const arbitrary = (length: number, scale: number) => Float32Array.from({ length }, () => scale * random());
  const paths = Array.from({ length: layers }, (_, i) => `model.layers.${i}.self_attn`);
  const module = () => ({
    ...{ rank, alpha: rank, scale: 1, inner: size, out: size },
    a: arbitrary(rank * size, 0.1),
    b: arbitrary(size * rank, 0.1),
  });
  const modules = paths.flatMap((path) => ['q_proj', 'o_proj'].map((name) => [`${path}.${name}`, module()] as const));
  return { kind: 'lora' as const, base: 'cria-tiny', modules: new Map(modules), rslora: false };
}

beforeAll(async () => {
  await writeAdapter(join(folder, 'one'), lora(1, 4));
  await writeAdapter(join(folder, 'two'), lora(2, 8));
  const embeddings = Float32Array.from({ length: 2 * size }, (_, i) => 2 * Math.sin(i * i));
  await writeAdapter(join(folder, 'soft'), { kind: 'prompt', base: 'cria-tiny', tokens: 2, width: size, embeddings });
  const adapters = names.map((name) => `${name}=${join(folder, name)}`);
  models = await openModels([shippedModel], { slots: 4, precision: 'f32', adapters });
}, 60_000);
afterAll(async () => {
  for (const each of models) await each.close();
  rmSync(folder, { recursive: true });
});

const appOf = () => createApp({ models, ...limits }).app;
async function asked(path: string, body: object, app = appOf()): Promise<Body> {
  const response = await app.request(path, { method: 'POST', body: JSON.stringify(body) });
  return response.json();
}

test('LoRA of a base shares its slots, a prompt is a model of its own; all are listed', async () => {
  const ids = ['cria-tiny', 'cria-tiny+one', 'cria-tiny+two', 'cria-tiny+soft'];
  expect(models.map(({ id }) => id)).toEqual(ids);
  expect(new Set(models.map(({ slots }) => slots)).size).toBe(2);
  const { data } = (await (await appOf().request('/v1/models')).json()) as Body;
  expect(data.map(({ id }: Body) => id)).toEqual(ids);
});

test('at once, each answers as its model alone does, and as the others do not', { timeout: 60_000 }, async () => {
  const alone: string[] = [];
  for (const name of ['', ...names]) {
    const model = loadModel(shippedModel, { precision: 'f32', adapters: name ? [join(folder, name)] : [] });
    const decoder = await openIncrementalDecoder(model);
    const { tokenizer } = models[0] as ServedModel;
    const prompt = tokenizer.encodeChat(messages, { addGenerationPrompt: true });
    const { result } = await collected(generate(newSession(model, tokenizer, decoder), prompt, { maxTokens: 12 }));
    alone.push(result.text);
    await decoder.dispose();
    model.close();
  }
  expect(new Set(alone).size).toBeGreaterThan(2);
  const app = appOf();
  const requests = Array.from({ length: 16 }, (_, i) => ({ ...chat, model: models[i % 4]?.id }));
  const answers = await Promise.all(requests.map((request) => asked('/v1/chat/completions', request, app)));
  expect(answers.map(({ choices }) => choices[0].message.content)).toEqual([...alone, ...alone, ...alone, ...alone]);
});

test('what one has read is not taken for what another one has read; scores and embeddings are its own', async () => {
  const app = appOf();
  const prompt = `${'The llama is an animal that '.repeat(8)}eats`;
  const scored = { ...completion, prompt, max_tokens: 0, echo: true, logprobs: 0 };
  const seen: Body[] = [];
  for (const { id: model } of models) {
    const first = await asked('/v1/completions', { ...completion, prompt, model }, app);
    const again = await asked('/v1/completions', { ...completion, prompt, model }, app);
    expect(first.usage.prompt_tokens_details.cached_tokens).toBe(0);
    expect(again.usage.prompt_tokens_details.cached_tokens).toBeGreaterThan(20);
    expect(again.choices).toEqual(first.choices);
    const { choices } = await asked('/v1/completions', { ...scored, model }, app);
    const { data } = await asked('/v1/embeddings', { model, input: 'a llama' }, app);
    seen.push([choices[0].logprobs.token_logprobs.at(-1), data[0].embedding[0]]);
  }
  for (const i of [0, 1]) expect(new Set(seen.map((each) => each[i])).size).toBe(4);
});
