/** How long Cholesky factors and inverses of large matrices take, beside LAPACK through NumPy. */
import { execFileSync } from 'node:child_process';
import { resultOf } from '../measure.mjs';
import { node, script } from '../places.mjs';

const memoryLimitMb = 8192;

export async function cholesky({ threads, quick, peers }) {
  const n = quick ? 1024 : 4096;
  const own = await resultOf(node, [script('cria-cholesky.mjs'), n, threads]);
  const theirs = peers.python && lapack(peers.python, n, threads);
  const row = (name, precision, result) => [
    `${name}, ${precision}`,
    ...['factor', 'inverse'].map((what) => result[precision][what].toFixed(2)),
  ];
  return {
    title: 'Cholesky',
    how: [
      `A matrix of ${n} rows (0.99^|i-j|, 0.01 added to its diagonal), ${threads} threads, the fastest of four. Factor is L ` +
        'with L^-1: NumPy has no triangular inverse, and solves; inverse is that of the matrix, which NumPy takes by LU.',
      ...(theirs ? [] : ['Absent in this run: NumPy.']),
    ],
    tables: [
      {
        head: ['seconds', 'factor', 'inverse'],
        rows: ['f32', 'f64'].flatMap((precision) => [
          row('cria', precision, own),
          ...(theirs ? [row(`NumPy ${theirs.numpy}`, precision, theirs)] : []),
        ]),
      },
    ],
    figures: [
      {
        what: `Cholesky of ${n}, peak memory`,
        measured: `${own.peakRssMb.toFixed(0)} MB`,
        asked: 'below 8 GB',
        reached: own.peakRssMb < memoryLimitMb,
      },
      ...(theirs
        ? ['f32', 'f64'].map((precision) => ({
            what: `L and L^-1 of ${n} in ${precision}, seconds to those of LAPACK's L alone`,
            measured: `${(own[precision].factor / theirs[precision].cholesky).toFixed(2)}x`,
          }))
        : []),
    ],
  };
}

function lapack(python, n, threads) {
  const env = { OMP_NUM_THREADS: threads, OPENBLAS_NUM_THREADS: threads, MKL_NUM_THREADS: threads };
  const argv = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return JSON.parse(execFileSync('env', [...argv, python, script('peers/lapack.py'), String(n)], { encoding: 'utf8' }));
}
