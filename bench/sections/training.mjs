/** How fast models are trained, beside the peer, and whether memory stays where it is. */
import { interleaved, median, medianAndSpread, ratio, resultOf, tell } from '../measure.mjs';
import { model, node, script } from '../places.mjs';

const workloads = [
  { name: 'LoRA, 1 x 256', train: 'lora', batch: 1, least: 1.25 },
  { name: 'LoRA, 4 x 256', train: 'lora', batch: 4, least: 1.25 },
  { name: 'full, 1 x 256', train: 'full', batch: 1, least: 1.2 },
  { name: 'full, 4 x 256', train: 'full', batch: 4, least: 1.2 },
];

export async function training({ threads, quick, peers }) {
  const [rounds, repeats, steadySteps] = quick ? [1, 2, 50] : [3, 4, 500];
  const rows = [];
  const figures = [];
  for (const { name, train, batch, least } of workloads) {
    tell(`  ${name}`);
    const sizes = ['--train', train, '--batch', batch, '--sequence', 256, '--threads', threads, '--repeats', repeats];
    const contenders = {
      cria: { name: 'cria', run: () => resultOf(node, [script('cria-train.mjs'), model(), ...sizes]) },
      ...(peers.python && {
        torch: {
          name: 'PyTorch',
          run: () => resultOf(peers.python, [script('peers/torch_bench.py'), model(), ...sizes]),
        },
      }),
    };
    const { cria, torch } = await interleaved(contenders, rounds);
    const shown = (runs) => (runs ? medianAndSpread(runs.map((run) => run.tokensPerSecond)) : 'absent');
    const peak = (runs) => (runs ? String(Math.round(Math.max(...runs.map((run) => run.peakRssMb)))) : 'absent');
    const outside = median(cria.map((run) => run.outsideRuntime));
    rows.push([name, shown(cria), shown(torch), peak(cria), peak(torch)]);
    figures.push(ratio(`${name}, cria to PyTorch`, cria, torch, 'tokensPerSecond', least));
    if (torch) {
      const share = median(cria.map((run, i) => run.peakRssMb / torch[i].peakRssMb));
      figures.push({
        what: `${name}, peak memory, cria to PyTorch`,
        measured: `${share.toFixed(2)}x`,
        asked: 'at most 1x',
        reached: share <= 1,
      });
    }
    figures.push({
      what: `${name}, share of a step outside the runtime`,
      measured: `${(100 * outside).toFixed(1)}%`,
      asked: 'at most 5%',
      reached: outside <= 0.05,
    });
  }
  tell('  steady memory');
  const sizes = ['--batch', 1, '--sequence', 32, '--threads', threads, '--steady', steadySteps];
  const { second, last } = await resultOf(node, [script('cria-train.mjs'), model(), '--train', 'lora', ...sizes]);
  figures.push({
    what: `resident memory over ${steadySteps} steps of LoRA, last fifth to second`,
    measured: (last / second).toFixed(3),
    asked: 'at most 1.05',
    reached: last / second <= 1.05,
  });
  return {
    title: 'Training',
    how: [
      `SmolLM2-135M-Instruct in float32, ${threads} threads: forward, backward and AdamW on arbitrary ids; LoRA of rank ` +
        '16 on all seven linears of a layer (PyTorch with PEFT), or every weight. Contenders take turns, each alone in a ' +
        `process; a figure is the median of ${rounds === 1 ? 'one round' : `${rounds} rounds`} (least to greatest), of which each is the median of ` +
        `${repeats} steps after one that is not counted.`,
      ...(peers.python ? [] : ['PyTorch is absent in this run (--peers-python).']),
    ],
    tables: [
      {
        head: ['', 'cria, tokens/s', 'PyTorch, tokens/s', 'cria, peak MB', 'PyTorch, peak MB'],
        rows,
      },
    ],
    figures,
  };
}
