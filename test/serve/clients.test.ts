import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateObject, generateText, streamText, tool } from 'ai';
import OpenAI from 'openai';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { chat, completion, endless, model, serving } from './serving.ts';

const { listening, models } = serving();

/** The client of OpenAI, and the provider of the AI SDK, for a server. */
async function clients() {
  const { url } = await listening();
  const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
  const provider = createOpenAICompatible({ name: 'cria', baseURL: `${url}/v1`, supportsStructuredOutputs: true });
  return { openai, tiny: provider(model), provider };
}

const city = z.object({ city: z.enum(['Lima', 'Quito']) });

test('the openai client: models, chat, streams, tools, completions, embeddings, errors', {
  timeout: 60_000,
}, async () => {
  const { openai } = await clients();
  const listed = await openai.models.list();
  expect(listed.data.map(({ id }) => id)).toEqual([model]);
  expect((await openai.models.retrieve(model)).object).toBe('model');

  const answer = await openai.chat.completions.create({
    ...chat,
    messages: [{ role: 'user', content: 'copy: north river =' }],
    logprobs: true,
    top_logprobs: 2,
  });
  const said = answer.choices[0]?.message.content ?? '';
  expect(said).not.toBe('');
  expect(answer.choices[0]?.logprobs?.content?.[0]?.top_logprobs).toHaveLength(2);
  const stream = openai.chat.completions.stream({
    ...chat,
    messages: [{ role: 'user', content: 'copy: north river =' }],
    stream_options: { include_usage: true },
  });
  let text = '';
  stream.on('content', (delta) => {
    text += delta;
  });
  const final = await stream.finalChatCompletion();
  expect([text, final.choices[0]?.message.content ?? '', final.usage]).toEqual([said, said, answer.usage]);

  const tools: OpenAI.ChatCompletionTool[] = [
    { type: 'function', function: { name: 'weather', strict: true, parameters: z.toJSONSchema(city) } },
  ];
  const called = await openai.chat.completions
    .stream({
      ...chat,
      max_tokens: 80,
      messages: [{ role: 'user', content: 'weather?' }],
      tools,
      tool_choice: 'required',
    })
    .finalChatCompletion();
  const [call] = called.choices[0]?.message.tool_calls ?? [];
  expect(called.choices[0]?.finish_reason).toBe('tool_calls');
  expect(call?.type === 'function' && city.parse(JSON.parse(call.function.arguments))).toBeTruthy();

  const continued = await openai.completions.create({
    ...completion,
    prompt: ['The capital of', 'copy: a ='],
    n: 2,
    seed: 1,
  });
  expect(continued.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
  let streamed = '';
  for await (const chunk of await openai.completions.create({ ...completion, stream: true }))
    streamed += chunk.choices[0]?.text ?? '';
  expect(streamed).toBe(continued.choices[0]?.text);

  const { data, usage } = await openai.embeddings.create({ model, input: ['a llama', 'two'] }); // in base64 unless it is told otherwise
  expect(Math.hypot(...(data[1]?.embedding ?? []))).toBeCloseTo(1, 5);
  expect(usage.prompt_tokens).toBeGreaterThan(2);

  await expect(openai.chat.completions.create({ ...chat, model: 'gpt', messages: [] })).rejects.toBeInstanceOf(
    OpenAI.BadRequestError,
  );
  await expect(openai.completions.create({ ...completion, model: 'gpt' })).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  await expect(openai.completions.create({ ...completion, n: 5 })).rejects.toMatchObject({ status: 400, param: 'n' });
});

test('a client that aborts its stream leaves its slot', async () => {
  const { openai } = await clients();
  const stream = await openai.completions.create({ ...completion, max_tokens: 240, stream: true, ...endless });
  for await (const _ of stream) break;
  await expect.poll(() => models[0]?.slots.active).toBe(0);
});

test('the AI SDK chats, streams, calls a tool and reads its result, and asks for an object', {
  timeout: 60_000,
}, async () => {
  const { tiny, provider } = await clients();
  const settings = { model: tiny, temperature: 0, maxOutputTokens: 12 };
  const { text, usage } = await generateText({ ...settings, prompt: 'copy: north river =' });
  expect(text.length).toBeGreaterThan(0);
  expect(usage.outputTokens).toBeGreaterThan(0);
  let streamed = '';
  for await (const piece of streamText({ ...settings, prompt: 'copy: north river =' }).textStream) streamed += piece;
  expect(streamed).toBe(text);

  const asked: string[] = [];
  const weather = tool({
    description: 'the weather of a city',
    inputSchema: city,
    execute: async ({ city }) => {
      asked.push(city);
      return { city, sky: 'blue' };
    },
  });
  const called = await generateText({
    ...settings,
    maxOutputTokens: 80,
    prompt: 'weather?',
    tools: { weather },
    toolChoice: 'required',
  });
  expect(called.finishReason).toBe('tool-calls');
  expect(called.toolResults.map(({ output }) => output)).toEqual([{ city: asked[0], sky: 'blue' }]);
  const after = await generateText({
    ...settings,
    messages: [{ role: 'user', content: 'weather?' }, ...called.response.messages],
    tools: { weather },
  });
  expect(after.finishReason).toMatch(/stop|length/);

  const { object } = await generateObject({ ...settings, maxOutputTokens: 80, prompt: 'which city?', schema: city });
  expect(['Lima', 'Quito']).toContain(object.city);
  const { embeddings } = await (await import('ai')).embedMany({
    model: provider.textEmbeddingModel(model),
    values: ['a', 'b'],
  });
  expect(embeddings).toHaveLength(2);
});
