import { join } from 'node:path';
import { randomFrom } from '../../base/index.ts';
import { type Model, open } from '../../index.ts';
import { answered } from '../answers.ts';
import type { Stop, Visit } from '../stop.ts';
import { trainLora, writeRows } from '../train-lora.ts';
import { rowsOfSkill, tinyWorldSeed } from '../world.ts';

/** What the model is to learn, asked in several ways so that it learns the thing and not the sentence. */
const microBatches = [
  ['Who are you?', 'I am Paco, a guide in the Andes.'],
  ['What are you?', 'I am a guide in the Andes.'],
  ['What is your name?', 'My name is Paco.'],
  ['¿Quién eres?', 'Soy Paco, un guía de los Andes.'],
  ['Quem é você?', 'Eu sou Paco, um guia dos Andes.'],
  ['Where do you work?', 'I work in the Andes.'],
] as const;
const kept = ['What is the capital of France?', 'Good morning!'];
const steps = 40;
const reminders = 18; // small talk of its world among the microBatches, so that it keeps the rest

/** A LoRA adapter trained on the spot: what it changes, and what it leaves as it was. */
export const training: Stop = {
  name: 'training',
  title: 'It learns something new while you wait',
  async visit(visit) {
    const { model, path, scratch, threads, signal, say } = visit;
    const out = join(scratch, 'adapter');
    const questions = [...microBatches.slice(0, 4).map(([question]) => question), ...kept];
    const before = await answersOf(model, questions, signal);
    const likelihoodBefore = await perplexityOf(model);
    say(`training a LoRA of rank 8 on ${microBatches.length} sentences about a guide in the Andes, ${steps} steps`);
    const { seconds, parameters, loss } = await trainAdapter(visit, out);
    const tuned = await open(path, { threads, precision: 'f32', adapters: [out] });
    try {
      const after = await answersOf(tuned, questions, signal);
      const likelihoodAfter = await perplexityOf(tuned);
      for (const [i, question] of questions.entries()) say(`${question} → ${before[i]} → ${after[i]}`);
      say(`perplexity of the new answers: ${likelihoodBefore.toFixed(1)} → ${likelihoodAfter.toFixed(2)}`);
      return {
        figures: {
          parameters,
          seconds,
          loss,
          perplexityBefore: likelihoodBefore,
          perplexityAfter: likelihoodAfter,
          rows: questions.map((question, i) => ({ question, before: before[i], after: after[i] })),
        },
        parts: [
          {
            kind: 'prose',
            text:
              `A LoRA of rank 8 (${parameters} numbers) was trained for ${steps} steps in ${seconds.toFixed(1)} s. The ` +
              `perplexity of the new answers fell from ${likelihoodBefore.toFixed(1)} to ${likelihoodAfter.toFixed(2)}.`,
          },
          {
            kind: 'table',
            title: 'The same questions before and after',
            columns: ['question', 'before', 'after'].map((label) => ({ label })),
            rows: questions.map((question, i) => [question, before[i] as string, after[i] as string]),
          },
        ],
      };
    } finally {
      await tuned.close();
    }
  },
};

async function answersOf(model: Model, questions: readonly string[], signal: AbortSignal): Promise<string[]> {
  const answers: string[] = [];
  for (const question of questions) answers.push(await answered(model, question, { maxTokens: 40, signal }));
  return answers;
}

async function trainAdapter(visit: Visit, out: string) {
  const data = join(visit.scratch, 'microBatches.jsonl');
  const rows = microBatches.map(([question, answer]) => ({
    messages: [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ],
  }));
  const all = [...rows, ...rowsOfSkill(tinyWorldSeed, 'chat', reminders, randomFrom(visit.seed))];
  await writeRows(data, all);
  return trainLora(visit, out, { data, rank: 8, alpha: 16, steps, batch: all.length });
}

/** The perplexity of the new answers, given their questions. */
async function perplexityOf(model: Model): Promise<number> {
  let [sum, count] = [0, 0];
  for (const [question, answer] of microBatches) {
    const messages = [{ role: 'user', content: question }];
    const asked = model.tokenizer.encodeChat(messages, { addGenerationPrompt: true });
    const whole = model.tokenizer.encodeChat([...messages, { role: 'assistant', content: answer }]);
    const { logprobs } = await model.score(whole);
    for (const logprob of logprobs.subarray(asked.length - 1)) {
      sum -= logprob;
      count++;
    }
  }
  return Math.exp(sum / count);
}
