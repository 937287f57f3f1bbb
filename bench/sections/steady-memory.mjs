/** Whether memory stays where it is over many generations. */
import { resultOf } from '../measure.mjs';
import { model, node, script } from '../places.mjs';

export async function steadyMemory({ quick }) {
  const texts = quick ? 100 : 500;
  const { second, last, ratio } = await resultOf(node, [
    '--expose-gc',
    ...[script('steady-memory.mjs'), model(), '--texts', texts],
  ]);
  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(0)} MB`;
  return {
    title: 'Memory over many generations',
    how: [
      `${texts} texts of varied lengths from SmolLM2 Q4_1 in one process, every other one going on in the session of ` +
        'the one before. Resident memory after a garbage collection, medians of the second and of the last fifth of ' +
        '100 samples.',
    ],
    figures: [
      { what: 'second fifth', measured: megabytes(second) },
      { what: 'last fifth', measured: megabytes(last) },
      { what: 'last to second', measured: ratio.toFixed(3), asked: 'at most 1.05', reached: ratio <= 1.05 },
    ],
  };
}
