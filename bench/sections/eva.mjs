/** How long an adapter takes to start along its data, beside PEFT, and whether the ranks are the same. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resultOf } from '../measure.mjs';
import { commandLine, model, node, script, shared } from '../places.mjs';

const [rank, batch, sequence] = [16, 4, 256];

export async function eva({ threads, quick, peers }) {
  const text = shared('data', 'wikitext-2', 'valid.txt');
  const folder = mkdtempSync(join(tmpdir(), 'cria-bench-'));
  try {
    const sizes = ['--rank', rank, '--batch', batch, '--sequence', sequence, '--threads', threads];
    const cria = (program, ...argv) => resultOf(node, [program, ...argv, '--json', '--quiet']);
    const own = await cria(
      script('cria-verb.mjs'),
      ...['eva', model(), join(folder, 'start'), '--data', text, '--no-shuffle', ...sizes],
      ...(quick ? ['--max-batches', 2] : []),
    );
    const theirs = peers.python && (await peerOf(cria, text, sizes, folder, own, { quick, python: peers.python }));
    return {
      title: 'Starting LoRA along its data (EVA)',
      how: [
        `SmolLM2-135M-Instruct (Q4_1), ${threads} threads: rank ${rank}, rho 2, tau 0.99, all seven linears of 30 layers, ` +
          `batches of ${batch} x ${sequence} tokens of WikiText-2 validation${quick ? ', two batches' : ', to the end'}. ` +
          'Seconds of cria are those of the whole command; of PEFT those of initialize_lora_eva_weights, its model being loaded.',
        ...(theirs ? [] : ['Absent in this run: PEFT.']),
      ],
      tables: [
        {
          head: ['', 'seconds', 'batches', 'seconds a batch', 'peak MB'],
          rows: [rowOf('cria', own), ...(theirs ? [rowOf(`PEFT ${theirs.peft} (torch ${theirs.torch})`, theirs)] : [])],
        },
      ],
      figures: figures(own, theirs, quick),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function peerOf(cria, text, sizes, folder, own, { quick, python }) {
  const ids = join(folder, 'ids.json');
  writeFileSync(ids, JSON.stringify(await cria(commandLine, 'tokenize', model(), '--file', text, '--no-special')));
  const few = quick ? ['--batches', own.batches] : [];
  return resultOf(python, [script('peers/peft_eva.py'), model(), '--ids', ids, ...sizes, ...few]);
}

const rowOf = (name, { seconds, batches, peakRssMb }) => [
  name,
  seconds.toFixed(1),
  String(batches),
  (seconds / batches).toFixed(2),
  String(Math.round(peakRssMb)),
];

function figures(own, theirs, quick) {
  const what = 'EVA, times as fast as PEFT';
  const asked = 'at least 2.5x';
  if (!theirs) return [{ what, measured: 'the peer is absent', asked }];
  const ratio = theirs.seconds / own.seconds;
  const memory = own.peakRssMb / theirs.peakRssMb;
  const names = new Set([own, theirs].flatMap(({ rankPattern }) => Object.keys(rankPattern)));
  const other = [...names].filter((name) => own.rankPattern[name] !== theirs.rankPattern[name]).length;
  return [
    { what, measured: `${ratio.toFixed(2)}x`, asked, reached: ratio >= 2.5 },
    {
      what: 'EVA, peak memory, cria to PEFT',
      measured: `${memory.toFixed(2)}x`,
      asked: 'below 1x',
      reached: memory < 1,
    },
    ...(quick
      ? []
      : [{ what: 'modules of another rank', measured: String(other), asked: 'none', reached: other === 0 }]),
  ];
}
