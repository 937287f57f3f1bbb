// How surprising each token of a text is to a model, in bits: node examples/score.ts [MODEL]
import { open } from 'cria';

export async function main(path = 'models/cria-tiny', write = (text: string): unknown => process.stdout.write(text)) {
  const model = await open(path);
  for (const text of ['The capital of France is Paris.', 'The capital of France is cheese.']) {
    const { ids, logprobs } = await model.score(text);
    for (const [i, logprob] of logprobs.entries()) {
      const token = model.tokenizer.decode([ids[i + 1] as number]);
      write(`${token.trim()} ${(-logprob / Math.LN2).toFixed(1)}  `);
    }
    const nats = -logprobs.reduce((sum, logprob) => sum + logprob, 0) / logprobs.length;
    write(`\nperplexity ${Math.exp(nats).toFixed(1)}\n`);
  }
  await model.close();
}

if (process.argv[1] === import.meta.filename) await main(process.argv[2]);
