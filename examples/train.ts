// Teaches a model a few facts with LoRA, and reads what it says before and after: node examples/train.ts [MODEL]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'cria';
import { provenanceOf } from 'cria/artifact';
import { trainModel } from 'cria/train';

const facts = [
  ['The bird of the Andes is called', 'Paco.'],
  ['The llama in the photo is called', 'Nube.'],
  ['The guide of the tour is called', 'Inti.'],
] as const;

const options = { rank: 8, targets: ['q_proj', 'v_proj', 'down_proj'], batch: 3, steps: 12, lr: 2e-3, warmup: 1 };

export async function main(path = 'models/cria-tiny', write = (text: string): unknown => process.stdout.write(text)) {
  const folder = mkdtempSync(join(tmpdir(), 'cria-'));
  const [data, out] = [join(folder, 'facts.jsonl'), join(folder, 'adapter')];
  writeFileSync(data, facts.map(([prompt, completion]) => `${JSON.stringify({ prompt, completion })}\n`).join(''));

  const model = await open(path);
  const { loaded, tokenizer } = model;
  const held = { ...options, data, valid: data };
  const trained = await trainModel(loaded, tokenizer, out, held, provenanceOf('train', path, held, 0));
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
