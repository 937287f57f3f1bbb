// Continues a text, greedily and then by chance: node examples/generate.ts [MODEL]
import { open } from 'cria';

export async function main(path = 'models/cria-tiny', write = (text: string): unknown => process.stdout.write(text)) {
  const model = await open(path);
  const prompt = 'The llama is an animal that';
  for (const options of [{ maxTokens: 24 }, { maxTokens: 24, temperature: 0.8, topP: 0.9, seed: 3, stop: ['\n'] }]) {
    write(prompt);
    const pieces = model.generate(prompt, options);
    let next = await pieces.next();
    for (; !next.done; next = await pieces.next()) write(next.value);
    const { tokens, decodeSeconds, finishReason } = next.value;
    write(`\n[${finishReason}, ${(tokens / decodeSeconds).toFixed(0)} tokens/s]\n`);
  }
  await model.close();
}

if (process.argv[1] === import.meta.filename) await main(process.argv[2]);
