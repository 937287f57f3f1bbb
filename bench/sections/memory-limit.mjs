/** How near decoding is to what the memory can deliver. */
import { resultOf, tell } from '../measure.mjs';
import { model, node, script } from '../places.mjs';

export async function memoryLimit({ threads, quick }) {
  const [repeats, tokens] = quick ? [1, 32] : [3, 128];
  const bandwidth = () => resultOf(node, [script('read-bandwidth.mjs'), '--threads', threads]);
  const before = await bandwidth();
  const rows = [];
  for (const precision of ['auto', 'q8', 'f32']) {
    tell(`  decoding, ${precision}`);
    rows.push(
      await resultOf(node, [
        script('cria-generate.mjs'),
        ...[model(), '--precision', precision, '--threads', threads, '--tokens', tokens, '--repeats', repeats],
      ]),
    );
  }
  const after = await bandwidth();
  const limit = Math.max(before.gigabytesPerSecond, after.gigabytesPerSecond);
  return {
    title: 'Distance to the memory’s limit',
    how: [
      `Memory is read at ${limit} GB/s or more: ${threads} threads search 512 MiB for a byte that is not there, with ` +
        'the C library’s memchr, before and after the rest (the better of two medians of 9). A decoded token reads ' +
        'every weight as it is held (the embedding table is also the head) and keys and values of the text so far, here ' +
        `at the middle of ${tokens} tokens after 256.`,
    ],
    tables: [
      {
        head: ['weights', 'read for a token, MB', 'decode, tokens/s', 'read, GB/s', 'share of the limit'],
        rows: rows.map(({ precision, bytesPerToken, decodeTokensPerSecond }) => {
          const rate = (bytesPerToken * decodeTokensPerSecond) / 1e9;
          return [
            precision,
            (bytesPerToken / 1e6).toFixed(0),
            decodeTokensPerSecond.toFixed(1),
            rate.toFixed(1),
            `${((100 * rate) / limit).toFixed(0)}%`,
          ];
        }),
      },
    ],
    figures: [],
  };
}
