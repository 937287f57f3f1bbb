// Reads an attention pattern, then silences the heads of a layer and sees the text change: node examples/taps.ts [MODEL]
import { type Edit, open } from 'cria';
import { argmax, openForward } from 'cria/model';
import { mul } from 'cria/tensor';

export async function main(path = 'models/cria-tiny', write = (text: string): unknown => process.stdout.write(text)) {
  const model = await open(path);
  const prompt = 'The capital of France is';
  const seen = await model.read(prompt, ['layers.0.attention.pattern']);
  write(`attention of layer 0 [text, head, from, to]: ${seen['layers.0.attention.pattern']?.shape.join(' x ')}\n`);

  const silence: Record<string, Edit> = { 'layers.0.attention.heads': (heads) => mul(heads, 0) };
  for (const edits of [{}, silence]) {
    const forward = await openForward(model.loaded, { edits });
    const ids = model.tokenizer.encode(prompt);
    for (let i = 0; i < 8; i++) {
      const { lastHidden } = await forward.run([ids]);
      ids.push(argmax(await forward.logits(lastHidden.data.subarray(-model.config.hiddenSize))));
    }
    write(`${JSON.stringify(model.tokenizer.decode(ids))}\n`);
    await forward.dispose();
  }
  await model.close();
}

if (process.argv[1] === import.meta.filename) await main(process.argv[2]);
