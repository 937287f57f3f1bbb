/** What the figures were measured on. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { root } from './places.mjs';

const telling = ['avx2', 'avx512f', 'avx512_vnni', 'avx_vnni', 'amx_int8']; // what the kernels choose by

/** Rows of a table: what, value. */
export function machine(threads) {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const runtime = JSON.parse(readFileSync(join(root, 'node_modules', 'onnxruntime-node', 'package.json'), 'utf8'));
  const features = instructions();
  return [
    ['processor', `${cpus()[0].model}${features.length > 0 ? `: ${features.join(', ')}` : ''}`],
    ['cores', `${availableParallelism()}, of which ${threads} are used`],
    ['memory', `${(totalmem() / 2 ** 30).toFixed(1)} GiB`],
    ['system', `${type()} ${release()}`],
    ['Node', process.versions.node],
    ['onnxruntime-node', runtime.version],
    ['cria', version],
    ['load average before the run', loadavg()[0].toFixed(2)],
  ];
}

function instructions() {
  try {
    const flags = new Set(/^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1].trim().split(' '));
    return telling.filter((flag) => flags.has(flag));
  } catch {
    return []; // not Linux
  }
}
