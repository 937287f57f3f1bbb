/** How long opening a file takes, beside llama.cpp, and how much memory, beside what is promised. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { interleaved, median, medianAndSpread, ratio, resultOf, secondsOf } from '../measure.mjs';
import { commandLine, model, node, script } from '../places.mjs';

const prompt = 'The llama is an animal that';

export async function opening({ threads, quick, peers, files }) {
  const rows = [];
  const figures = [];
  for (const file of [model(), ...files]) {
    const name = basename(file);
    const results = await interleaved(contendersFor(file, threads, peers), quick ? 1 : 3);
    const waits = (key) => results[key]?.map(({ seconds }) => seconds);
    const memory = await memoryOf(file, threads);
    rows.push([
      name,
      medianAndSpread(waits('cria'), 2),
      waits('llama') ? medianAndSpread(waits('llama'), 2) : 'absent',
      ...[memory.promised, memory.peak, memory.after].map((bytes) => String(Math.round(bytes / 1e6))),
    ]);
    figures.push(
      atMost(`${name}: first token, cria to llama.cpp`, results.cria, results.llama, 2.5),
      within(`${name}: peak to promise`, memory.peak / memory.promised, 1.15),
      within(`${name}: peak to use when open`, memory.peak / memory.after, 1.3),
      ratio(`${name}: decode, cria to llama.cpp`, results.decode, results.llamaDecode, 'decodeTokensPerSecond', 1.4),
    );
  }
  return {
    title: 'Opening files',
    how: [
      `Seconds from starting \`cria generate FILE '${prompt}'\`, and from starting a Node program that makes the same ` +
        'of llama.cpp (its module loaded and the file opened), to the first byte of text: the page cache is warm, the ' +
        'contenders take turns, medians (least to greatest). A ratio is the median of the ratios of the rounds. ' +
        `Memory in MB is that of one \`generate\` of 100 tokens at \`auto\`: what \`cria inspect --context 128\` promises, ` +
        'the greatest resident set, and the median after the first byte. Decode: 48 tokens after 64, as under ' +
        '"Reading prompts and writing texts".',
    ],
    tables: [{ head: ['', 'first token, cria', 'llama.cpp', 'promised', 'peak', 'when open'], rows }],
    figures,
  };
}

function contendersFor(file, threads, peers) {
  const sizes = ['--threads', threads, '--prompt', 64, '--tokens', 48, '--repeats', 1];
  const seconds = async (args) => ({ seconds: await secondsOf(node, args, 'first byte') });
  const generate = [commandLine, 'generate', file, prompt, '--max-tokens', 2, '--threads', threads, '--quiet'];
  const modules = ['--modules', peers.llama];
  return {
    cria: { name: 'cria, first token', run: () => seconds(generate) },
    ...(peers.llama && {
      llama: {
        name: 'llama.cpp, first token',
        run: () => seconds([script('peers/llama-first.mjs'), file, prompt, ...modules, '--threads', threads]),
      },
    }),
    decode: { name: 'cria, decode', run: () => resultOf(node, [script('cria-generate.mjs'), file, ...sizes]) },
    ...(peers.llama && {
      llamaDecode: {
        name: 'llama.cpp, decode',
        run: () => resultOf(node, [script('peers/llama-cpp.mjs'), file, ...modules, ...sizes]),
      },
    }),
  };
}

/** Bytes that inspect promises, the peak of a generation, and the median use after its first byte. */
async function memoryOf(file, threads) {
  const { memory } = await resultOf(node, [commandLine, 'inspect', file, '--context', 128, '--json']);
  const need = memory.needs.find(({ verb, weights, plan }) => {
    return verb === 'generate' && weights === 'auto' && plan === 'whole';
  });
  const args = [commandLine, 'generate', file, prompt, '--max-tokens', 100, '--threads', threads, '--quiet'];
  const child = spawn(node, args.map(String), { stdio: ['ignore', 'pipe', 'ignore'] });
  let [peak, begun] = [0, false];
  const after = [];
  const timer = setInterval(() => {
    const status = statusOf(child.pid);
    const bytes = (key) => 1024 * Number(new RegExp(`${key}:\\s+(\\d+)`).exec(status)?.[1] ?? 0);
    peak = Math.max(peak, bytes('VmHWM'));
    if (begun && bytes('VmRSS') > 0) after.push(bytes('VmRSS'));
  }, 5);
  child.stdout.on('data', () => {
    begun = true;
  });
  await new Promise((resolve) => child.on('close', resolve));
  clearInterval(timer);
  return { promised: need.bytes, peak, after: median(after) };
}

function statusOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return ''; // it has ended, or this is not Linux
  }
}

function within(what, measured, most) {
  return { what, measured: `${measured.toFixed(2)}x`, asked: `at most ${most}x`, reached: measured <= most };
}

function atMost(what, ours, theirs, most) {
  if (!theirs) return { what, measured: 'the peer is absent', asked: `at most ${most}x` };
  const ratios = ours.map(({ seconds }, i) => seconds / theirs[i].seconds);
  return {
    what,
    measured: medianAndSpread(ratios, 2, 'x'),
    asked: `at most ${most}x`,
    reached: median(ratios) <= most,
  };
}
