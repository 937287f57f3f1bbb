/** How fast prompts are read and texts are written, beside the peers. */
import { interleaved, medianAndSpread, ratio, resultOf } from '../measure.mjs';
import { model, node, script } from '../places.mjs';

export async function generation({ threads, quick, peers }) {
  const [rounds, repeats, prompt, tokens] = quick ? [2, 1, 256, 32] : [3, 3, 256, 128];
  const sizes = ['--threads', threads, '--prompt', prompt, '--tokens', tokens, '--repeats', repeats];
  const cria = (precision) => ({
    name: `cria ${precision}`,
    run: () => resultOf(node, [script('cria-generate.mjs'), model(), '--precision', precision, ...sizes]),
  });
  const contenders = {
    auto: cria('auto'),
    ...(peers.llama && {
      llama: {
        name: 'node-llama-cpp',
        run: () => resultOf(node, [script('peers/llama-cpp.mjs'), model(), '--modules', peers.llama, ...sizes]),
      },
    }),
    q8: cria('q8'),
    f32: cria('f32'),
    ...(peers.python && {
      torch: {
        name: 'PyTorch float32',
        run: () => resultOf(peers.python, [script('peers/torch_bench.py'), model(), ...sizes]),
      },
    }),
  };
  const results = await interleaved(contenders, rounds);
  const absent = [!peers.llama && 'node-llama-cpp', !peers.python && 'PyTorch'].filter(Boolean);
  return {
    title: 'Reading prompts and writing texts',
    how: [
      `SmolLM2-135M-Instruct (Q4_1), ${threads} threads: a prompt of ${prompt} arbitrary ids (prefill), then ${tokens} ` +
        'greedy tokens with the cache (decode), all through each library’s API for one text, alone in a process that has ' +
        'generated once before. Contenders take turns; a figure is the median of ' +
        `${rounds} rounds (least to greatest), of which each is the median of ${repeats} generations. A ratio is the ` +
        'median of the ratios of the rounds. cria auto and llama.cpp hold the file’s 4 bits; PyTorch and cria f32 hold ' +
        'its weights in float32. The peak of memory includes mapped files.',
      ...(absent.length > 0 ? [`Absent in this run: ${absent.join(' and ')}.`] : []),
    ],
    tables: [
      {
        head: ['', 'prefill, tokens/s', 'decode, tokens/s', 'peak memory, MB'],
        rows: Object.entries(results).map(([key, runs]) => [
          fullName(contenders[key].name, runs[0]),
          medianAndSpread(runs.map((run) => run.prefillTokensPerSecond)),
          medianAndSpread(runs.map((run) => run.decodeTokensPerSecond)),
          String(Math.round(Math.max(...runs.map((run) => run.peakRssMb)))),
        ]),
      },
    ],
    figures: [
      ratio('decode, cria auto to llama.cpp', results.auto, results.llama, 'decodeTokensPerSecond', 1.5),
      ratio('prefill, cria auto to llama.cpp', results.auto, results.llama, 'prefillTokensPerSecond', 2),
      ratio('prefill, cria f32 to PyTorch', results.f32, results.torch, 'prefillTokensPerSecond', 1.2),
      ratio('decode, cria q8 to llama.cpp', results.q8, results.llama, 'decodeTokensPerSecond'),
      ratio('decode, cria f32 to PyTorch', results.f32, results.torch, 'decodeTokensPerSecond'),
    ],
  };
}

function fullName(name, { peer, version, llamaCpp, torch, transformers }) {
  if (peer === 'torch') return `${name} (torch ${torch}, transformers ${transformers})`;
  return version ? `${name} ${version} (llama.cpp ${llamaCpp})` : name;
}
