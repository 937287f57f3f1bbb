// A method in ten lines: which columns of each linear map's input are outliers: node examples/method.ts [MODEL]
import { open } from 'cria';
import { blockInputs, columnAbsMax, emptyTotal, openBlockSweep } from 'cria/model';

export async function main(path = 'models/cria-tiny', write = (text: string): unknown => process.stdout.write(text)) {
  const model = await open(path);
  const texts = ['The capital of France is Paris.', 'One, two, three, four, five.'];
  const sweep = openBlockSweep(
    model.loaded,
    texts.map((text) => model.tokenizer.encode(text)),
  );
  while (sweep.layer < model.config.layers) {
    const { layer } = sweep;
    const totals = blockInputs(model.config).map(({ path, size }) => emptyTotal(path, columnAbsMax, size));
    await sweep.advance({ totals });
    for (const { path, value } of totals) {
      const sorted = [...value.data].map(Number).sort((a, b) => b - a);
      const ratio = (sorted[0] as number) / (sorted[sorted.length >> 1] as number);
      write(`layer ${layer} ${path}: largest ${sorted[0]?.toFixed(2)}, ${ratio.toFixed(1)} times the median column\n`);
    }
  }
  await sweep.dispose();
  await model.close();
}

if (process.argv[1] === import.meta.filename) await main(process.argv[2]);
