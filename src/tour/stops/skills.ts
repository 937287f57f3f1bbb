import { randomFrom } from '../../base/index.ts';
import { type HeldOut, worldOf } from '../../world/index.ts';
import { written } from '../answers.ts';
import type { Stop } from '../stop.ts';

const worldSeed = 0; // of the world that cria-tiny was trained on
const longestPrompt = 160; // characters: short enough to be read

/** One held-out question of each task of the world, and what the model writes. */
export const skills: Stop = {
  name: 'skills',
  title: 'It answers questions that training has never shown',
  async visit({ model, seed, signal, say }) {
    const random = randomFrom(seed + 1);
    const rows = [];
    for (const [task, ask] of worldOf(worldSeed).skills.flatMap((skill) => Object.entries(skill.tasks))) {
      const question = shortQuestion(() => ask(random));
      const answer = await written(model, question.prompt, { maxTokens: 80, signal });
      const isRight = answer === question.completion.trim();
      rows.push({ task, question: readable(question.prompt), answer, isRight });
      say(`${isRight ? '✓' : '✗'} ${task}: ${readable(question.prompt)} → ${answer.replaceAll('\n', ' / ')}`);
    }
    const right = rows.filter(({ isRight }) => isRight).length;
    return {
      figures: { right, asked: rows.length, rows },
      parts: [
        {
          kind: 'table',
          title: `${right} of ${rows.length} answers are the expected ones`,
          columns: ['task', 'question', 'answer', 'right'].map((label) => ({ label })),
          rows: rows.map(({ task, question, answer, isRight }) => [task, question, answer, isRight ? 'yes' : 'no']),
        },
      ],
    };
  },
};

/** A question that fits on a line: of a few draws, the first that is short. */
function shortQuestion(draw: () => HeldOut): HeldOut {
  let question = draw();
  for (let tries = 0; tries < 30 && question.prompt.length > longestPrompt; tries++) question = draw();
  return question;
}

/** A prompt without the marks of turns. */
function readable(prompt: string): string {
  return prompt
    .replaceAll('<|end|>', ' ')
    .replaceAll(/<\|\w+\|>/g, '')
    .replaceAll('\n', ' / ')
    .trim();
}
