// A conversation of two turns, where an observer keeps answers to one sentence: node examples/chat.ts [MODEL]
import { type Observer, open } from 'cria';

const oneSentence: Observer = ({ text }) => (/[.!?]\s*$/.test(text) ? 'stop' : undefined);

export async function main(path = 'models/cria-tiny', write = (text: string): unknown => process.stdout.write(text)) {
  const model = await open(path);
  const chat = model.chat();
  for (const question of ['What is the capital of Peru?', 'And what do people eat there?']) {
    write(`> ${question}\n`);
    for await (const piece of chat.say(question, { maxTokens: 48, observers: [oneSentence] })) write(piece);
    write('\n');
  }
  await model.close();
}

if (process.argv[1] === import.meta.filename) await main(process.argv[2]);
