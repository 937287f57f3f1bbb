/**
 * Starts of LoRA beside each other: kaiming, PiSSA and EVA with equal and with shared-out ranks learn the same texts in
 * as many steps, each at its best rate, with three seeds. Prints a Markdown table; see docs/eva.md.
 *
 *   node lora-inits.mjs RESULTS.json [--picture FILE.svg] [--steps 24] [--threads 1]
 *
 * RESULTS.json keeps every run: begun again, those that it has are not repeated.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { silent } from 'cria/base';
import { loadModel } from 'cria/model';
import { picture } from 'cria/report';
import { openTokenizer } from 'cria/tokenizer';
import * as training from 'cria/train';
import { eva, evaDefaults } from '../dist/methods/eva/index.js';
import { tell } from './measure.mjs';
import { pissa } from './pissa.mjs';
import { model as modelFile, shared } from './places.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    picture: { type: 'string' },
    steps: { type: 'string', default: '24' },
    threads: { type: 'string', default: '1' },
  },
});
const [file] = positionals;
const threads = Number(values.threads);
const settings = {
  ...{ steps: Number(values.steps), batch: 4, sequence: 160, warmup: 2, clip: 1, rank: 16, evaBatches: 16 },
  ...{ rates: [1e-3, 2e-3], seeds: [0, 1, 2], trainingRows: 1000, heldOutRows: 40 },
};
const { steps, batch, rank } = settings;
const heldOutEvery = Math.ceil(steps / 4);
const student = 4.303; // 97.5% point of Student's t with two degrees of freedom: three seeds

const results = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { settings, before: {}, runs: [] };
if (JSON.stringify(results.settings) !== JSON.stringify(settings)) {
  throw new Error(`${file} has runs of other settings: give another file`);
}
const keep = () => writeFileSync(file, `${JSON.stringify(results)}\n`);

const temporary = mkdtempSync(join(tmpdir(), 'cria-inits-'));
const model = loadModel(modelFile(), { precision: 'f32', threads });
const { train, heldOut } = await texts();
const starts = {
  kaiming: once(kaiming),
  PiSSA: once(principal),
  'EVA, rho 1': once(() => explained(1)),
  'EVA, rho 2': once(() => explained(2)),
};
const names = Object.keys(starts);
try {
  const best = {};
  for (const name of names) best[name] = await bestRate(name);
  for (const seed of settings.seeds) for (const name of names) await measured(name, best[name], seed);
  const summary = names.map((name) => summaryOf(name, best[name]));
  process.stdout.write(`${comparison(summary)}\n\n${sweep()}\n`);
  if (values.picture) writeFileSync(values.picture, await curves(summary));
} finally {
  rmSync(temporary, { recursive: true });
}

function once(make) {
  let made;
  return () => {
    made ??= make();
    return made;
  };
}

/** The rows whose question and answer fit into a sequence: the first ones are learned, the last ones held out. */
async function texts() {
  const columns = new Map([
    ['prompt', 'question'],
    ['completion', 'answer'],
  ]);
  const tokenizer = openTokenizer(model.checkpoint.tokenizer, model.checkpoint.generation);
  const whole = { columns, trainOnPrompts: false, packing: 'none', skipTokens: 0, sequence: model.config.context };
  const all = await training.sequencesIn(shared('data', 'gsm8k', 'train.jsonl'), tokenizer, whole, model);
  const fitting = all.filter(({ ids }) => ids.length <= settings.sequence);
  return { train: fitting.slice(0, settings.trainingRows), heldOut: fitting.slice(-settings.heldOutRows) };
}

/** A start is the model that stands still, and the adapter that a seed begins with; all products have the scale 1. */
async function kaiming() {
  const options = { rank, alpha: rank, rslora: false, targets: [] };
  return { model, adapterOf: (seed) => training.initLora(model, options, seed) };
}

/** EVA over the first batches that seed 0 learns. */
async function explained(rho) {
  const order = training.batchOrder(train.length, batch, true, 0);
  const data = { batch: (step) => order(step).map((index) => train[index]), round: Math.ceil(train.length / batch) };
  const options = { ...evaDefaults, rank, rho, maxBatches: settings.evaBatches };
  const begun = performance.now();
  const { adapter, state, unconverged } = await eva(model, data, options, { progress: silent });
  const after = `${state.batches} batches in ${secondsSince(begun)} s`;
  tell(`EVA, rho ${rho}: ${unconverged.length} modules had not converged after ${after}`);
  return { model, adapterOf: () => adapter };
}

async function principal() {
  const begun = performance.now();
  const made = await pissa(model, join(temporary, 'residual'), rank, heldOut[0].ids);
  const distance = made.distance.toExponential(1);
  tell(`PiSSA: logits within ${distance} of the model's at the start, after ${secondsSince(begun)} s`);
  return { model: made.residual, adapterOf: () => made.adapter };
}

/** The rate of the lowest held-out loss with seed 0: rates are doubled or halved until worse ones are on both sides. */
async function bestRate(name) {
  const rates = [...settings.rates];
  for (let tried = 0; ; ) {
    for (; tried < rates.length; tried++) await measured(name, rates[tried], 0);
    const lossAt = (rate) => finalLoss(runOf(name, rate, 0));
    const best = rates.reduce((a, b) => (lossAt(b) < lossAt(a) ? b : a));
    if (best === Math.max(...rates)) rates.push(2 * best);
    else if (best === Math.min(...rates)) rates.push(best / 2);
    else return best;
  }
}

function runOf(name, rate, seed) {
  return results.runs.find((run) => run.name === name && run.rate === rate && run.seed === seed);
}

function finalLoss({ heldOut }) {
  return heldOut.at(-1).loss;
}

async function measured(name, rate, seed) {
  if (runOf(name, rate, seed)) return;
  const start = await starts[name]();
  const begun = performance.now();
  const run = await learned(name, start, rate, seed);
  results.runs.push({ name, rate, seed, ...run });
  keep();
  const loss = finalLoss(run).toFixed(4);
  tell(`${name}, rate ${rate}, seed ${seed}: held-out loss ${loss} after ${secondsSince(begun)} s`);
}

function secondsSince(begun) {
  return ((performance.now() - begun) / 1000).toFixed(1);
}

/** One training as cria train does it, with held-out losses in between. */
async function learned(name, start, rate, seed) {
  const trainable = training.trainableAdapter(start.model, start.adapterOf(seed), name);
  const buffer = training.parameterBuffer(trainable.parameters);
  trainable.start(buffer);
  const compiled = await training.wholeForwardBackward(start.model, trainable, buffer, training.crossEntropy);
  const optimizer = training.adamw(buffer);
  const order = training.batchOrder(train.length, batch, true, seed);
  const [losses, points] = [[], []];
  try {
    results.before[name] ??= await heldOutLoss(compiled);
    for (let step = 0; step < steps; step++) {
      const some = order(step).map((index) => train[index]);
      losses.push(await compiled.forwardBackward(training.predictionMicroBatch(some, training.targetTokens(some))));
      const norm = optimizer.norm();
      const scale = norm > settings.clip ? settings.clip / norm : 1;
      const factor = training.rateFactor('cosine', step, steps, settings.warmup);
      optimizer.update({ count: step + 1, rate: rate * factor, weightDecay: 0, scale });
      const taken = step + 1;
      if (taken % heldOutEvery === 0 || taken === steps)
        points.push({ step: taken, loss: await heldOutLoss(compiled) });
    }
  } finally {
    await compiled.dispose();
  }
  return { parameters: buffer.values.length, losses, heldOut: points };
}

async function heldOutLoss(compiled) {
  const total = training.targetTokens(heldOut);
  let loss = 0;
  for (let from = 0; from < heldOut.length; from += batch) {
    loss += await compiled.loss(training.predictionMicroBatch(heldOut.slice(from, from + batch), total));
  }
  return loss;
}

/** What the seeds say together. */
function summaryOf(name, rate) {
  const runs = settings.seeds.map((seed) => runOf(name, rate, seed));
  const points = runs[0].heldOut.map(({ step }, i) => ({ step, ...interval(runs.map((run) => run.heldOut[i].loss)) }));
  return {
    ...{ name, rate, parameters: runs[0].parameters, before: results.before[name], points },
    finals: runs.map(finalLoss),
    lastSteps: interval(runs.map(({ losses }) => mean(losses.slice(-5)))),
  };
}

function comparison(summary) {
  const [kaiming] = summary;
  const rows = summary.map(({ name, parameters, rate, finals, lastSteps }) => [
    ...[name, parameters, rate, shown(interval(finals))],
    name === kaiming.name ? '' : shown(interval(finals.map((loss, i) => loss - kaiming.finals[i]))),
    shown(lastSteps),
  ]);
  const head = ['start', 'parameters', 'best rate', 'held-out loss', 'less that of kaiming', 'last 5 training steps'];
  return markdown([head, head.map(() => '---'), ...rows]);
}

/** Held-out losses with seed 0 by rate. */
function sweep() {
  const rates = [...new Set(results.runs.map(({ rate }) => rate))].sort((a, b) => a - b);
  const lossAt = (name, rate) => {
    const run = runOf(name, rate, 0);
    return run ? finalLoss(run).toFixed(4) : '';
  };
  const rows = names.map((name) => [name, ...rates.map((rate) => lossAt(name, rate))]);
  return markdown([['seed 0, rate', ...rates], ['---', ...rates.map(() => '---')], ...rows]);
}

function markdown(rows) {
  return rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Held-out loss after some steps, the means of the seeds with their intervals. */
function curves(summary) {
  const series = summary.map(({ name, points }) => ({
    name,
    points: points.map(({ step, mean, half }) => ({ x: step, y: mean, ...around(mean, half) })),
  }));
  const ends = summary.map(({ name, points }) => `${name} ${points.at(-1).mean.toFixed(3)}`).join(', ');
  const alt = `Held-out loss is ${summary[0].before.toFixed(3)} nats a token before the first step; at the end: ${ends}.`;
  const axes = { x: { label: 'step' }, y: { label: 'held-out loss, nats a token' } };
  return picture({ kind: 'lines', title: 'Held-out loss by start', alt, ...axes, series });
}

function around(mean, half) {
  return { low: mean - half, high: mean + half };
}

function mean(numbers) {
  return numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
}

/** The mean of three numbers, and half the width of its 95% t-interval. */
function interval(numbers) {
  const center = mean(numbers);
  const deviation = Math.sqrt(numbers.reduce((sum, x) => sum + (x - center) ** 2, 0) / (numbers.length - 1));
  return { mean: center, half: (student * deviation) / Math.sqrt(numbers.length) };
}

function shown({ mean, half }) {
  return `${mean.toFixed(4)} ± ${half.toFixed(4)}`;
}
