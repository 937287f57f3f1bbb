import { json, type Provenance, writeTexts } from '../artifact/index.ts';
import { writeFolderAtomically } from '../base/index.ts';
import { jsonLines } from '../methods/ccpo/index.ts';
import { frontier, leastCost } from './optimum.ts';
import { historiesOf, type Preset } from './presets.ts';
import { simulatedRows } from './simulate.ts';

interface Writing {
  readonly provenance: Provenance;
  readonly force: boolean;
}

/** Writes a log. */
export async function writeLog(path: string, rows: readonly object[], { provenance, force }: Writing): Promise<void> {
  await writeFolderAtomically(path, force, (folder) =>
    writeTexts(folder, { 'trajectories.jsonl': jsonLines(rows), 'cria.json': json(provenance) }),
  );
}

const alphas = [0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3];

/** The least cost of any policy at some levels. Where the coverage is out of reach the cost is null. */
export function optimumOf(preset: Preset): { alpha: number; cost: number | null }[] {
  const corners = frontier(historiesOf(preset));
  return alphas.map((alpha) => {
    const cost = leastCost(corners, 1 - alpha);
    return { alpha, cost: Number.isFinite(cost) ? Number(cost.toPrecision(12)) : null };
  });
}

/** Writes a simulated log with the optimum that it allows. */
export async function writeSimulation(
  path: string,
  preset: Preset,
  { questions, seed, permute }: { readonly questions: number; readonly seed: number; readonly permute: boolean },
  { provenance, force }: Writing,
): Promise<ReturnType<typeof optimumOf>> {
  const optimum = optimumOf(preset);
  await writeFolderAtomically(path, force, (folder) =>
    writeTexts(folder, {
      'trajectories.jsonl': jsonLines(simulatedRows(preset, questions, seed, permute)),
      'optimum.json': json(optimum),
      'cria.json': json(provenance),
    }),
  );
  return optimum;
}
