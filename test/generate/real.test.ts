import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { type ChatMessage, type Model, open } from '../../src/index.ts';
import { needs, shared } from '../shared.ts';
import { collected } from './stubs.ts';

/** What transformers generated in float32 on the dequantised weights. */
interface Text {
  readonly text: string;
  readonly ids: readonly number[];
  readonly messages?: readonly ChatMessage[];
  readonly greedy_40_ids: readonly number[];
  readonly greedy_40_text: string;
}

const file = shared('models', 'smollm2-135m-instruct.Q4_1.gguf');
const golden = shared('goldens', 'logits.json');
const { skip, reason } = needs(file && golden, 'SmolLM2 with its golden values');

// seconds on an idle machine, but the tests keep it busy
describe.skipIf(skip)(`SmolLM2${reason}`, { timeout: 180_000 }, () => {
  const read = golden
    ? (JSON.parse(readFileSync(golden, 'utf8')) as { readonly completions: Text[]; readonly chats: Text[] })
    : { completions: [], chats: [] };
  const models = new Map<'f32' | 'q4', Promise<Model>>();
  const model = (precision: 'f32' | 'q4'): Promise<Model> => {
    const known = models.get(precision) ?? open(file as string, { precision, plan: 'whole' });
    models.set(precision, known);
    return known;
  };
  afterAll(async () => {
    for (const each of models.values()) await (await each).close();
  });

  test('completes as transformers does', async () => {
    const { generate, tokenizer } = await model('f32');
    for (const { text, ids, greedy_40_ids } of read.completions.slice(0, 2)) {
      expect(tokenizer.encode(text)).toEqual(ids);
      const { result } = await collected(generate(text, { maxTokens: 40 }));
      expect(result.ids).toEqual(greedy_40_ids);
    }
  });

  test('answers as transformers does', async () => {
    const { generate, tokenizer } = await model('f32');
    for (const { text, ids, messages = [], greedy_40_ids, greedy_40_text } of read.chats) {
      const prompt = tokenizer.applyChatTemplate(messages, { addGenerationPrompt: true });
      expect(prompt).toBe(text);
      expect(tokenizer.encode(prompt, { special: false })).toEqual(ids);
      const { pieces, result } = await collected(generate(ids, { maxTokens: 40 }));
      expect(result).toMatchObject({ ids: greedy_40_ids, finishReason: 'end' });
      expect(pieces.join('')).toBe(greedy_40_text.replace('<|im_end|>', ''));
    }
  });

  test('completes several prompts of unequal lengths at once as each of them alone', async () => {
    const prompts = read.completions.map(({ text }) => text);
    const results = await (await model('f32')).generateBatch(prompts, { maxTokens: 40 });
    expect(results.map(({ ids }) => ids)).toEqual(read.completions.map(({ greedy_40_ids }) => greedy_40_ids));
  });

  test('the second turn of a conversation reads what is new, and answers as a fresh one', async () => {
    const { chat, generate, tokenizer } = await model('q4');
    const talk = chat('Answer briefly.');
    const first = await collected(talk.say('What is the capital of Peru?', { maxTokens: 12 }));
    const second = await collected(talk.say('And of Chile?', { maxTokens: 12 }));
    expect(second.result.cachedTokens).toBeGreaterThan(first.result.promptTokens);
    expect(talk.messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user', 'assistant']);
    const asked = tokenizer.applyChatTemplate(talk.messages.slice(0, -1), { addGenerationPrompt: true });
    const fresh = await collected(generate(tokenizer.encode(asked, { special: false }), { maxTokens: 12 }));
    expect(second.result.ids).toEqual(fresh.result.ids);
  });

  test('what was heard of an answer is the answer, and what is refused was not said', async () => {
    const { chat, config } = await model('q4');
    const talk = chat();
    let heard = '';
    for await (const piece of talk.say('Count to ten.', { maxTokens: 20 })) {
      heard += piece;
      if (heard.length > 10) break;
    }
    const spoken = [
      { role: 'user', content: 'Count to ten.' },
      { role: 'assistant', content: heard },
    ];
    expect(talk.messages).toEqual(spoken);
    await expect(collected(talk.say('word '.repeat(config.context)))).rejects.toThrow('does not fit in the context');
    expect(talk.messages).toEqual(spoken);
  });

  test('two texts at the same time do not disturb each other', async () => {
    const { generate } = await model('q4');
    const run = (prompt: string) => collected(generate(prompt, { maxTokens: 10 }));
    const alone = [(await run('The sky is')).result.ids, (await run('Two and two')).result.ids];
    const together = await Promise.all([run('The sky is'), run('Two and two')]);
    expect(together.map(({ result }) => result.ids)).toEqual(alone);
  });

  test('a sampled text comes in whole characters, the same for its seed', async () => {
    const { generate, tokenizer } = await model('q4');
    const options = { maxTokens: 40, temperature: 1, seed: 4 };
    const { pieces, result } = await collected(generate('🦙🧉 ñandú 日本語 🦙🧉', options));
    expect(pieces.join('')).toBe(tokenizer.decode(result.ids, { skipSpecial: true }));
    expect(pieces.slice(0, -1).join('')).not.toContain('\uFFFD');
    expect((await collected(generate('🦙🧉 ñandú 日本語 🦙🧉', options))).result.ids).toEqual(result.ids);
    const other = await collected(generate('🦙🧉 ñandú 日本語 🦙🧉', { ...options, seed: 5 }));
    expect(other.result.ids).not.toEqual(result.ids);
  });
});
