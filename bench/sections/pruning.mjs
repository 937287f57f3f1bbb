/** How well and how fast one layer is pruned, beside SparseGPT and ALPS in NumPy on the same problem. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resultOf } from '../measure.mjs';
import { model, node, script, shared } from '../places.mjs';

const [layer, share] = [12, 0.6];
const linears = ['mlp.gate_proj', 'mlp.down_proj'];

export async function pruning({ threads, quick, peers }) {
  const folder = mkdtempSync(join(tmpdir(), 'cria-bench-'));
  try {
    const results = [];
    for (const linear of quick ? linears.slice(0, 1) : linears) {
      const text = shared('data', 'wikitext-2', 'valid.txt');
      const argv = [model(), text, layer, linear, share, threads, folder];
      const own = await resultOf(node, [script('cria-prune-layer.mjs'), ...argv]);
      results.push({ linear, own, theirs: peers.python && numpy(peers.python, folder, threads) });
    }
    const peer = results[0]?.theirs;
    return {
      title: 'Pruning one layer',
      how: [
        `Block ${layer} of SmolLM2-135M-Instruct at ${100 * share}%, the second moment of 16 x 256 tokens of WikiText-2 ` +
          `validation, ${threads} threads, the fastest of three. Errors are tr((W - W0) H (W - W0)^T). MOSP is the whole of its ` +
          'three stages for two objectives, whose shared weights are those of ALPS.',
        ...(peer ? [] : ['Absent in this run: NumPy.']),
      ],
      tables: [{ head: ['', 'method', 'seconds', 'error', 'entries kept'], rows: results.flatMap(rowsOf) }],
      figures: peer ? results.flatMap(figuresOf) : [],
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function rowsOf({ linear, own, theirs }) {
  const row = (name, method, { seconds, error, kept }) => {
    return [`${linear}, ${name}`, method, seconds.toFixed(2), error.toPrecision(5), String(kept)];
  };
  return ['sparsegpt', 'alps', 'mosp'].flatMap((method) => [
    row('cria', method, own[method]),
    ...(theirs?.[method] ? [row(`NumPy ${theirs.numpy}`, method, theirs[method])] : []),
  ]);
}

function figuresOf({ linear, own, theirs }) {
  return [
    ...['sparsegpt', 'alps'].flatMap((method) => {
      const [error, speed] = [own[method].error / theirs[method].error, theirs[method].seconds / own[method].seconds];
      return [
        {
          what: `${method} of ${linear}, error to NumPy's`,
          measured: `${error.toFixed(4)}x`,
          asked: 'within 1%',
          reached: Math.abs(error - 1) <= 0.01,
        },
        {
          what: `${method} of ${linear}, times as fast as NumPy`,
          measured: `${speed.toFixed(2)}x`,
          asked: 'at least 1x',
          reached: speed >= 1,
        },
      ];
    }),
    {
      what: `MOSP of ${linear} for two objectives, time to one ALPS`,
      measured: `${(own.mosp.seconds / own.alps.seconds).toFixed(2)}x`,
      asked: 'at most 1.7x',
      reached: own.mosp.seconds <= 1.7 * own.alps.seconds,
    },
  ];
}

function numpy(python, folder, threads) {
  const env = { OMP_NUM_THREADS: threads, OPENBLAS_NUM_THREADS: threads };
  const argv = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const said = execFileSync('env', [...argv, python, script('peers/pruning.py'), folder, String(share)]);
  return JSON.parse(said.toString());
}
