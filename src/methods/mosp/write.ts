import { join } from 'node:path';
import {
  json,
  jsonLines,
  type Provenance,
  provenanceOf,
  writeDecodedFolder,
  writeTexts,
} from '../../artifact/index.ts';
import { makeFolder, type Watch, writeFolderAtomically } from '../../base/index.ts';
import type { LoadedModel } from '../../model/index.ts';
import { picture, writePage } from '../../report/index.ts';
import { dominated } from '../../statistics/index.ts';
import type { BlockStore } from './block-store.ts';
import type { MatrixReport } from './blocks.ts';
import { bundleFile, writeBundle } from './bundle.ts';
import type { TestRow } from './evaluate.ts';
import type { Front } from './front.ts';
import { layerDefaults } from './layer.ts';
import type { FrontOptions } from './options.ts';
import { sparsityText } from './pattern.ts';
import { penaltyDefaults } from './penalty.ts';
import { type PrunedWeights, prunedWeights } from './points.ts';
import { effectivePreference, isUniform, onlyObjective, type Preference, preferenceId } from './preference.ts';
import { ridge } from './problem.ts';
import { frontPage, fronts } from './report.ts';
import type { BaselineResult, FrontSeconds, LayerLine, Pareto, PointResult } from './result.ts';
import type { FrontPlan } from './run.ts';
import { taskRho } from './splitting.ts';
import type { BaselineRun } from './sweeps.ts';

/** Everything that a finished run has made. */
export interface Finished {
  readonly model: LoadedModel;
  readonly options: FrontOptions;
  readonly provenance: Provenance;
  readonly plan: FrontPlan;
  readonly points: ReadonlyMap<string, PrunedWeights>;
  readonly store: BlockStore;
  readonly baselines: readonly BaselineRun[];
  readonly rows: readonly TestRow[];
  readonly front: Front | undefined;
  readonly seconds: FrontSeconds;
  readonly watch: Watch;
}

/** Writes the folder of a front, whole or not at all. */
export async function writeFront(out: string, finished: Finished): Promise<Pareto> {
  const { model, options, provenance, plan, points, store, baselines, rows, watch } = finished;
  const { blocks } = plan.targets;
  const lines = linesOf(finished);
  const pareto = paretoOf(finished, lines);
  const { base, preference } = pareto;
  const [front] = fronts(pareto);
  const objectives = options.objectives.map(({ name }) => name);
  await writeFolderAtomically(out, options.force, async (folder) => {
    const header = { base, objectives, alpha: options.alpha, power: preference.p };
    await writeBundle(join(folder, bundleFile), store, blocks.flat(), header);
    for (const [id, weights] of points) {
      if (plan.written.has(id))
        await writePruned(join(folder, 'points', id), model, weights, provenance, { point: id }, watch);
    }
    for (const { name, objective, store: own } of baselines) {
      if (!plan.written.has(name) || objective !== undefined) continue;
      const weights = prunedWeights(blocks, own, (_, { shared }) => shared);
      await writePruned(join(folder, 'baselines', name), model, weights, provenance, { baseline: name }, watch);
    }
    await writeTexts(folder, {
      'layers.jsonl': jsonLines(lines),
      'rows.jsonl': jsonLines(rows),
      'pareto.json': json(pareto),
      'cria.json': json(provenance),
      'seconds.json': json(finished.seconds),
      ...(front && { 'front.svg': await picture(front) }),
    });
    await writePage(join(folder, 'report.html'), frontPage(pareto, lines));
  });
  return pareto;
}

/** Writes a pruned model as a folder in the Hugging Face layout. */
export async function writePruned(
  path: string,
  { checkpoint, progress }: Pick<LoadedModel, 'checkpoint' | 'progress'>,
  weights: PrunedWeights,
  { command, source, seed, options, inputs }: Provenance,
  what: Readonly<Record<string, unknown>>,
  { signal }: Watch,
  more?: (folder: string) => Promise<void>,
): Promise<void> {
  makeFolder(join(path, '..'));
  const replacements = {
    has: (name: string) => weights.has(name),
    read: (name: string) => weights.get(name)?.read() as Float32Array,
    ggufType: () => undefined,
  };
  const provenance = provenanceOf(command, source, { ...options, ...what }, seed, inputs);
  await writeDecodedFolder(path, { checkpoint, replacements, provenance, force: true, progress, signal, more });
}

function linesOf({ plan, store, baselines }: Finished): LayerLine[] {
  return plan.targets.blocks.flatMap((targets, layer) => {
    if (targets.length === 0) return [];
    const others = baselines.map(({ name, objective, store: own }) => {
      return { key: objective === undefined ? name : `${name}-${objective}`, reports: own.reports(layer) };
    });
    return store.reports(layer).map((report, i) => ({
      ...report,
      baselines: Object.fromEntries(others.map(({ key, reports }) => [key, (reports[i] as MatrixReport).shared])),
    }));
  });
}

function paretoOf({ model, options, provenance, plan, front }: Finished, lines: readonly LayerLine[]): Pareto {
  const { objectives, tests, sparsity, alpha, power, capture, propagate, guard, polish } = options;
  const { preferences, written, calibration, tests: tested } = plan;
  const perplexityOf = (name: string) => front?.perplexity.get(name) ?? {};
  const names = objectives.map(({ name }) => name);
  const byLayers = dominatedByLayers(preferences, lines);
  const points = preferences.map((preference, i): PointResult => {
    const id = preferenceId(preference);
    return {
      id,
      weights: Object.fromEntries(names.map((name, at) => [name, preference[at] as number])),
      lambda: preference,
      lambdaPrime: effectivePreference(preference, power),
      path: written.has(id) ? join('points', id) : null,
      sparsity: 1 - sumOf(lines, 'kept') / sumOf(lines, 'size'),
      layerObjective: layerObjective(preference, lines),
      metrics: perplexityOf(id),
      dominated: front?.dominated[i] ?? byLayers[i] ?? false,
    };
  });
  const baselineOf = (name: string): BaselineResult => ({
    perplexity: perplexityOf(name),
    ...(written.has(name) && { path: join('baselines', name) }),
  });
  return {
    schema: 1,
    method: 'mosp',
    base: { id: provenance.source, path: model.path, sha256: provenance.inputs[provenance.source] ?? '' },
    objectives: objectives.map((objective, i) => ({
      ...objective,
      windows: calibration[i]?.windows.length ?? 0,
      sequence: options.sequence,
      test: tests.find(({ name }) => name === objective.name)?.data ?? null,
      testWindows: tested[i]?.windows.length ?? 0,
    })),
    sparsity: {
      kind: sparsity.kind,
      target: sparsityText(sparsity),
      alpha,
      zeroFractionPerTensor: Object.fromEntries(lines.map(({ matrix, kept, size }) => [matrix, 1 - kept / size])),
    },
    solver: {
      ...{ rho0: penaltyDefaults.rho, rhoStage2: taskRho, gamma: ridge, pcgIters: layerDefaults.refinements },
      ...{ capture, propagate, guard, polish },
      iterPerTensor: Object.fromEntries(lines.map(({ matrix, iterations }) => [matrix, iterations ?? 0])),
    },
    preference: { p: power },
    points,
    baselines: Object.fromEntries(options.baselines.map((name) => [name, baselineOf(name)])),
    basePerplexity: perplexityOf('base'),
    hypervolume: front?.hypervolume ?? null,
    hypervolumeLog: front?.hypervolumeLog ?? null,
    gapClosed: front?.gapClosed ?? {},
    skipped: plan.targets.skipped,
  };
}

const sumOf = (lines: readonly LayerLine[], key: 'kept' | 'size'): number =>
  lines.reduce((sum, line) => sum + line[key], 0);

/** Errors of the outputs of all layers as shares of the outputs, by objective. */
function layerObjective(preference: Preference, lines: readonly LayerLine[]): readonly number[] | null {
  const only = onlyObjective(preference);
  const errorsOf = ({ shared, own, points }: LayerLine) =>
    only !== undefined ? own[only] : isUniform(preference) ? shared : points?.[preferenceId(preference)];
  if (lines.some((line) => errorsOf(line) === undefined)) return null;
  return preference.map((_, i) => {
    const [error, energy] = lines.reduce(
      ([errors, energies], line) => [errors + (errorsOf(line)?.[i] as number), energies + (line.energy[i] as number)],
      [0, 0],
    );
    return error / energy;
  });
}

/** Which points others dominate by the errors of layers, where no test text says. */
function dominatedByLayers(preferences: readonly Preference[], lines: readonly LayerLine[]): readonly boolean[] {
  const known = preferences.map((preference) => layerObjective(preference, lines));
  return known.every((errors) => errors !== null) ? dominated(known) : [];
}
