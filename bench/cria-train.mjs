/**
 * Training steps of cria, as one line of JSON.
 *
 *   node cria-train.mjs MODEL --train lora|full [--batch 1] [--sequence 256] [--threads 2] [--repeats 5] [--from-disk]
 *   node cria-train.mjs MODEL --train lora|full [--batch 1] [--sequence 256] [--threads 2] --steady STEPS
 *
 * As peers/torch_bench.py --train: forward, backward and AdamW on arbitrary ids; LoRA of rank 16 on all seven linears
 * of a layer, or every weight. Medians after one step that is not counted. `outsideRuntime` is the share of a step
 * that is not spent in the runtime: optimizer, batches and everything else in JavaScript. With --repeats 0 the first
 * step is the measured one; --from-disk reads each block's weights anew; --steady tells resident memory over many steps.
 */
import { parseArgs } from 'node:util';
import { loadModel } from 'cria/model';
import * as training from 'cria/train';
import { arbitraryIds, median, round } from './measure.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    train: { type: 'string', default: 'lora' },
    batch: { type: 'string', default: '1' },
    sequence: { type: 'string', default: '256' },
    threads: { type: 'string', default: '2' },
    repeats: { type: 'string', default: '5' },
    steady: { type: 'string' },
    'from-disk': { type: 'boolean', default: false },
  },
});
const [batch, sequence, threads, repeats] = ['batch', 'sequence', 'threads', 'repeats'].map((name) =>
  Number(values[name]),
);

const model = loadModel(positionals[0], { precision: 'f32', threads });
const trainable =
  values.train === 'full'
    ? training.trainableModel(model)
    : training.trainableAdapter(
        model,
        training.initLora(model, { rank: 16, alpha: 32, rslora: false, targets: [] }, 0),
        'a fresh adapter',
      );
const buffer = training.parameterBuffer(trainable.parameters);
trainable.start(buffer);
const begun = performance.now();
const compiled = values['from-disk']
  ? await training.byLayerForwardBackward(model, trainable, buffer, training.crossEntropy, false)
  : await training.wholeForwardBackward(model, trainable, buffer, training.crossEntropy);
const compileSeconds = (performance.now() - begun) / 1000;
const optimizer = training.adamw(buffer);
const ids = arbitraryIds(batch * sequence);
const texts = Array.from({ length: batch }, (_, i) => ({ ids: ids.slice(i * sequence, (i + 1) * sequence) }));
let count = 0;

const steps = values.steady ? await steady(Number(values.steady)) : await measured();
console.log(
  JSON.stringify({
    peer: 'cria',
    train: values.train,
    batch,
    sequence,
    threads,
    compileSeconds: round(compileSeconds),
    ...steps,
    peakRssMb: round(process.resourceUsage().maxRSS / 1024),
  }),
);
await compiled.dispose();
model.close();

async function step() {
  const from = performance.now();
  const microBatch = training.predictionMicroBatch(texts, training.targetTokens(texts));
  const ran = performance.now();
  await compiled.forwardBackward(microBatch);
  const learned = performance.now();
  const norm = optimizer.norm();
  optimizer.update({ count: ++count, rate: 1e-4, weightDecay: 0, scale: norm > 1 ? 1 / norm : 1 });
  const all = performance.now() - from;
  return { all, outside: all - (learned - ran) };
}

async function measured() {
  const first = await step();
  const runs = repeats === 0 ? [first] : [];
  for (let i = 0; i < repeats; i++) runs.push(await step());
  const seconds = median(runs.map(({ all }) => all)) / 1000;
  return {
    tokensPerSecond: round((batch * sequence) / seconds),
    outsideRuntime: median(runs.map(({ all, outside }) => outside / all)),
  };
}

/** Resident memory over many steps, MB: medians of the second and of the last fifth. */
async function steady(total) {
  const samples = [];
  for (let i = 0; i < total; i++) {
    await step();
    if (i % 5 === 4) samples.push(process.memoryUsage().rss / 2 ** 20);
  }
  const fifth = samples.length / 5;
  return { second: round(median(samples.slice(fifth, 2 * fifth))), last: round(median(samples.slice(4 * fifth))) };
}
