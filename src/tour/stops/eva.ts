import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { provenanceOf } from '../../artifact/index.ts';
import { randomFrom } from '../../base/index.ts';
import { type EvaResult, evaDefaults, evaPage, initializeAdapter, parameterCount } from '../../methods/eva/index.ts';
import type { LineChart } from '../../report/index.ts';
import type { Seen, Stop, Visit } from '../stop.ts';
import { type MicroBatch, trainLora, writeRows } from '../train-lora.ts';
import { rowsOfSkill, tinyWorldSeed } from '../world.ts';

const rank = 4;
const [rowCount, batch, steps] = [160, 8, 20];

/** LoRA that starts along what the data makes vary most, beside LoRA that starts at random. */
export const eva: Stop = {
  name: 'eva',
  title: 'An adapter starts along what the data makes vary',
  async visit(visit) {
    const { scratch, seed, say } = visit;
    const data = join(scratch, 'another-world.jsonl');
    await writeRows(data, rowsOfSkill(tinyWorldSeed + 1, 'facts', rowCount, randomFrom(seed)));
    say(`reading ${rowCount} facts of another world than the model's`);
    const begun = performance.now();
    const start = await startAlong(visit, data);
    const seconds = (performance.now() - begun) / 1000;
    const given = [...start.ranks.values()];
    const { parameters, uniform } = parameterCount(start, rank);
    const ranks = `ranks from ${Math.min(...given)} to ${Math.max(...given)}, where equal ones are ${rank}`;
    say(`${ranks}: ${parameters} numbers instead of ${uniform}, after ${start.state.batches} batches`);
    say(`training ${steps} steps from there, and as many from a random start`);
    const common = { data, batch, steps };
    const along = await losses(visit, 'along', { ...common, init: join(scratch, 'start') });
    const atRandom = await losses(visit, 'random', { ...common, rank, alpha: rank }); // a scale of 1, as eva's
    const ends = { along: lastMean(along), random: lastMean(atRandom) };
    say(`loss of the last steps: ${ends.along.toFixed(3)} along the data, ${ends.random.toFixed(3)} at random`);
    return {
      figures: { parameters, uniform, batches: start.state.batches, seconds, loss: ends },
      parts: partsOf(start, { along, random: atRandom }),
    };
  },
};

/** The adapter that begins along the facts, written to the folder `start`. */
function startAlong({ model, path, scratch, seed, signal }: Visit, data: string): Promise<EvaResult> {
  const options = {
    ...{ ...evaDefaults, rank, maxBatches: rowCount / batch, data, batch, sequence: 64, packing: 'auto' as const },
    ...{ skipTokens: 0, trainOnPrompts: true, shuffle: true, seed, resume: false, force: false },
  };
  const out = join(scratch, 'start');
  return initializeAdapter(
    model.loaded,
    model.tokenizer,
    out,
    options,
    provenanceOf('tour', path, { rank }, seed),
    signal,
  );
}

/** The loss of every step of a training. */
async function losses(visit: Visit, name: string, microBatch: Omit<MicroBatch, 'log'>) {
  const log = join(visit.scratch, `${name}.jsonl`);
  await trainLora(visit, join(visit.scratch, name), { ...microBatch, log });
  const lines = readFileSync(log, 'utf8').trim().split('\n');
  return lines.map((line): number => JSON.parse(line).loss);
}

/** The mean of the last quarter: single batches differ. */
function lastMean(values: readonly number[]): number {
  const last = values.slice(-Math.ceil(values.length / 4));
  return last.reduce((sum, value) => sum + value, 0) / last.length;
}

function partsOf(start: EvaResult, { along, random }: Record<'along' | 'random', readonly number[]>): Seen['parts'] {
  const series = (name: string, values: readonly number[]) => {
    return { name, points: values.map((y, i) => ({ x: i + 1, y })) };
  };
  const chart: LineChart = {
    kind: 'lines',
    title: 'Training loss on the same batches',
    alt: `The loss by step: at the end ${lastMean(along).toFixed(3)} along the data, ${lastMean(random).toFixed(3)} at random.`,
    x: { label: 'step' },
    y: { label: 'loss, nats a token' },
    series: [series('along the data', along), series('at random', random)],
  };
  const [where] = evaPage(start, rank).sections;
  return [...(where?.parts ?? []), chart];
}
