/**
 * How fast memory is read, as one line of JSON.
 *
 *   node read-bandwidth.mjs [--threads 2] [--repeats 9]
 *
 * Each thread searches its part of 512 MiB for a byte that is not in it, with the C library's vectorised memchr (what
 * Buffer.indexOf calls). A lower bound of what the memory gives; the median over the repeats, after one not counted.
 */
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { median, repeated, round } from './measure.mjs';

const total = 2 ** 29;

if (isMainThread) await measure();
else search(workerData);

async function measure() {
  const { values } = parseArgs({
    options: { threads: { type: 'string', default: '2' }, repeats: { type: 'string', default: '9' } },
  });
  const threads = Number(values.threads);
  const bytes = Math.floor(total / threads);
  const workers = Array.from({ length: threads }, () => new Worker(new URL(import.meta.url), { workerData: bytes }));
  const pass = async () => {
    const started = performance.now();
    await Promise.all(
      workers.map((worker) => {
        const done = new Promise((resolve) => worker.once('message', resolve));
        worker.postMessage('search');
        return done;
      }),
    );
    return (performance.now() - started) / 1000;
  };
  await pass(); // the workers start and fill their memory
  const seconds = await repeated(Number(values.repeats), pass);
  for (const worker of workers) await worker.terminate();
  console.log(JSON.stringify({ threads, gigabytesPerSecond: round((bytes * threads) / 1e9 / median(seconds)) }));
}

function search(bytes) {
  const memory = Buffer.alloc(bytes, 1);
  parentPort.on('message', () => parentPort.postMessage(memory.indexOf(0)));
}
