import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Progress, throwIfAborted } from '../base/index.ts';
import { open } from '../index.ts';
import { writePage } from '../report/index.ts';
import type { Seen, Stop } from './stop.ts';
import { culture } from './stops/culture.ts';
import { eva } from './stops/eva.ts';
import { lens } from './stops/lens.ts';
import { mosp } from './stops/mosp.ts';
import { pruning } from './stops/pruning.ts';
import { quantize } from './stops/quantize.ts';
import { route } from './stops/route.ts';
import { skills } from './stops/skills.ts';
import { training } from './stops/training.ts';

/** Every stop, in the order of the tour. */
const stops: readonly Stop[] = [skills, training, eva, lens, quantize, pruning, mosp, route, culture];

export interface TourOptions {
  readonly seed: number;
  readonly threads?: number;
  /** Where the report is written. */
  readonly report: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Tells the visitor what there is to see. */
  say(line: string): void;
}

export interface TourResult {
  readonly steps: readonly { readonly name: string; readonly title: string; readonly seconds: number }[];
  readonly report: string;
}

/**
 * Shows what cria can do on the model at `path`, stop after stop, and writes what there was to see as one page.
 * @throws CriaError when the model is not sound or the report cannot be written.
 */
export async function tour(path: string, options: TourOptions): Promise<TourResult> {
  const { seed, threads, progress, signal, say, report } = options;
  const scratch = mkdtempSync(join(tmpdir(), 'cria-tour-'));
  const model = await open(path, { threads, precision: 'f32', progress });
  try {
    const seen: (Seen & { name: string; title: string; seconds: number })[] = [];
    for (const { name, title, visit } of stops) {
      throwIfAborted(signal);
      say(`\n${seen.length + 1}. ${title}\n`);
      const begun = performance.now();
      const result = await visit({
        model,
        path,
        scratch,
        seed,
        threads,
        progress,
        signal,
        say: (line) => say(`   ${line}`),
      });
      seen.push({ name, title, ...result, seconds: (performance.now() - begun) / 1000 });
    }
    await writePage(report, {
      title: 'A tour of cria',
      summary: `What cria does, shown on ${path} in ${seen.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(0)} seconds on this machine.`,
      sections: [...seen.map(({ title, parts }) => ({ title, parts })), { title: 'Where to go next', parts: [next] }],
    });
    return {
      steps: seen.map(({ name, title, seconds, figures }) => ({ name, title, seconds, ...figures })),
      report,
    };
  } finally {
    await model.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Commands that a visitor tries next. */
export const nextCommands = [
  ['cria chat cria-tiny', 'talk to the small model of this tour'],
  ['cria pull HuggingFaceTB/SmolLM2-135M-Instruct', 'bring a real one'],
  ["cria generate MODEL 'The llama is an animal that'", 'continue a text with it'],
  ['cria train MODEL adapter --data answers.jsonl', 'teach it what you know'],
  ['cria --help', 'everything else'],
] as const;

const next = {
  kind: 'table',
  title: 'Commands',
  columns: [{ label: 'command' }, { label: 'what it does' }],
  rows: nextCommands,
} as const;
