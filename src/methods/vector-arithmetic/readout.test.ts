import { expect, onTestFinished, test } from 'vitest';
import { distance, goldenPath, opened } from '../../../test/model/goldens.ts';
import { normalFrom, randomFrom } from '../../base/index.ts';
import { headName } from '../../model/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import { openReadOut } from './readout.ts';

const words = new Map([
  [7, ' Lima'],
  [8, 'LIMA '],
  [9, ' Quito'],
]);

/** Spells three ids; a word that it does not know begins with id 50. */
const tokenizer = {
  decode: (ids: readonly number[]) => ids.map((id) => words.get(id) ?? `<${id}>`).join(''),
  encode: (text: string) => [[...words].find(([, word]) => word === text)?.[0] ?? 50, 51],
  tokenOf: (id: number) => words.get(id) ?? '',
} as Partial<Tokenizer> as Tokenizer;

async function readOut(name: string) {
  const model = opened(goldenPath(name));
  const opening = await openReadOut(model);
  onTestFinished(() => opening.dispose());
  return { model, ...opening };
}

/** x / rms(x) * gain times each row of the head, in float64. */
function byHand({ model }: Awaited<ReturnType<typeof readOut>>, x: Float32Array): number[] {
  const { hiddenSize, vocabulary, epsilon } = model.config;
  const gain = model.checkpoint.readFloat32('model.norm.weight');
  const head = model.checkpoint.readFloat32(headName(model.config));
  const rms = Math.sqrt(x.reduce((sum, each) => sum + each * each, 0) / hiddenSize + epsilon);
  return Array.from({ length: vocabulary }, (_, id) =>
    x.reduce((sum, each, i) => sum + (each / rms) * (gain[i] as number) * (head[id * hiddenSize + i] as number), 0),
  );
}

test.each(['llama', 'llama-gqa'])('%s: logits are those of the final norm and the head, by hand', async (name) => {
  const opening = await readOut(name);
  const { hiddenSize: columns, vocabulary } = opening.model.config;
  const data = Float32Array.from({ length: 3 * columns }, normalFrom(randomFrom(5)));
  const logits = await opening.logits({ rows: 3, columns, data });
  for (let row = 0; row < 3; row++) {
    const own = logits.subarray(row * vocabulary, (row + 1) * vocabulary);
    expect(distance(own, byHand(opening, data.subarray(row * columns, (row + 1) * columns)))).toBeLessThan(1e-4);
  }
});

test('accuracy is the share of states that read as the first token of the word, case and spaces apart', async () => {
  const opening = await readOut('llama');
  const { hiddenSize: columns } = opening.model.config;
  const head = opening.model.checkpoint.readFloat32(headName(opening.model.config));
  const gain = opening.model.checkpoint.readFloat32('model.norm.weight');
  const reads = [7, 8, 9, 9, 12];
  const wanted = ['Lima', 'Lima', 'Quito', 'Lima', 'Bogotá'];
  // the head's own row is the state that it reads best, where the rows are about as long
  const data = new Float32Array(reads.length * columns);
  for (const [row, id] of reads.entries()) {
    for (let i = 0; i < columns; i++)
      data[row * columns + i] = (head[id * columns + i] as number) / (gain[i] as number);
    const hand = byHand(opening, data.subarray(row * columns, (row + 1) * columns));
    expect(hand.indexOf(Math.max(...hand))).toBe(id);
  }
  // right: Lima; LIMA for Lima; Quito. Wrong: Quito for Lima; <12> for a word that begins with <50>
  expect(await opening.accuracy({ rows: reads.length, columns, data }, wanted, tokenizer)).toBe(3 / 5);
  // as many states as are read in two rounds
  const many = 30;
  const rows = Float32Array.from({ length: many * data.length }, (_, i) => data[i % data.length] as number);
  const often = Array.from({ length: many }, () => wanted).flat();
  expect(await opening.accuracy({ rows: many * reads.length, columns, data: rows }, often, tokenizer)).toBe(3 / 5);
});
