// Teaches a model a few facts with LoRA, and reads what it says before and after: node examples/train.ts [MODEL]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'cria';
import { originOf } from 'cria/artifact';
import { type TrainOptions, trainModel } from 'cria/train';

const facts = [
  ['The bird of the Andes is called', 'Paco.'],
  ['The llama in the photo is called', 'Nube.'],
  ['The guide of the tour is called', 'Inti.'],
] as const;

const options: Omit<TrainOptions, 'data'> = {
  ...{ mode: 'lora', rank: 8, alpha: 16, rankStabilized: false, targets: ['q_proj', 'v_proj', 'down_proj'] },
  ...{ loss: 'ce', batch: 3, accumulate: 1, skipTokens: 0, learnPrompts: false, shuffle: true },
  ...{ steps: 12, rate: 2e-3, schedule: 'cosine', warmup: 1, weightDecay: 0, clip: 1 },
  ...{ virtualTokens: 0, beta: 0, temperature: 1 }, // of other modes and losses
  ...{ seed: 0, saveEvery: 0, resume: false, force: false },
};

export async function main(path = 'models/cria-tiny', write = (text: string): unknown => process.stdout.write(text)) {
  const folder = mkdtempSync(join(tmpdir(), 'cria-'));
  const [data, out] = [join(folder, 'facts.jsonl'), join(folder, 'adapter')];
  writeFileSync(data, facts.map(([prompt, completion]) => `${JSON.stringify({ prompt, completion })}\n`).join(''));

  const model = await open(path);
  const { loaded, tokenizer } = model;
  const held = { ...options, data, valid: data };
  const trained = await trainModel(loaded, tokenizer, out, held, originOf('train', path, held, options.seed));
  write(
    `${trained.parameters} numbers, loss ${trained.validBefore?.toFixed(2)} to ${trained.validAfter?.toFixed(2)}\n`,
  );

  const taught = await open(path, { adapters: [out] });
  for (const each of [model, taught]) {
    let answer = '';
    for await (const piece of each.generate(facts[0][0], { maxTokens: 5, temperature: 0 })) answer += piece;
    write(`${facts[0][0]}${answer.split('\n')[0]}\n`);
    await each.close();
  }
  rmSync(folder, { recursive: true });
}

if (process.argv[1] === import.meta.filename) await main(process.argv[2]);
