import { join } from 'node:path';
import type { Provenance } from '../../artifact/index.ts';
import { CriaError, refuseExisting, type Settings, type Watch, withRunState } from '../../base/index.ts';
import type { LoadedModel } from '../../model/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import { openLayerEngine } from './engine.ts';
import { type Candidate, evaluateCandidates, type TestRow } from './evaluate.ts';
import { evaluatedBaselines, measureFront } from './front.ts';
import { type Targets, targetsOf } from './matrices.ts';
import { checkNames, readWindows, type Windows } from './objectives.ts';
import { baselineNames, type FrontOptions } from './options.ts';
import { type PrunedWeights, pointOf, prunedWeights } from './points.ts';
import { frontPreferences, isUniform, onlyObjective, type Preference, preferenceId } from './preference.ts';
import type { FrontSeconds, Pareto } from './result.ts';
import { type BaselineRun, type SweepContext, sweepBaselines, sweepMosp } from './sweeps.ts';
import { writeFront } from './write.ts';

/** What a run is made of, checked before anything long begins. */
export interface FrontPlan {
  readonly targets: Targets;
  readonly preferences: readonly Preference[];
  /** Ids of points and names of baselines that are written as models. */
  readonly written: ReadonlySet<string>;
  readonly calibration: readonly Windows[];
  readonly tests: readonly Windows[];
}

/** Reads the data and decides what a run does. @throws CriaError when options, data and model do not fit together. */
export async function planFront(
  model: LoadedModel,
  tokenizer: Tokenizer,
  options: FrontOptions,
  watch: Watch = {},
): Promise<FrontPlan> {
  const { objectives, tests } = options;
  checkNames(objectives, tests);
  const targets = targetsOf(model.checkpoint, model.config, options);
  const preferences = frontPreferences(objectives.length, options.points);
  const written = writtenOf(options, preferences);
  const calibration = await readWindows(objectives, tokenizer, options, model, watch);
  const inOrder = objectives.flatMap(({ name }) => tests.filter((test) => test.name === name));
  const tested = await readWindows(inOrder, tokenizer, options, model, watch);
  warnOfOverlap(calibration, tested, model);
  for (const name of targets.skipped) model.progress.note(`${name} stays dense: M does not divide its inputs.`);
  return { targets, preferences, written, calibration, tests: tested };
}

/** Prunes, evaluates and writes a front. Interrupted, it leaves what is finished beside the output. */
export async function mosp(
  model: LoadedModel,
  tokenizer: Tokenizer,
  out: string,
  options: FrontOptions,
  provenance: Provenance,
  watch: Watch,
): Promise<{ pareto: Pareto; seconds: FrontSeconds }> {
  refuseExisting(out, options.force);
  const plan = await planFront(model, tokenizer, options, watch);
  const { targets, preferences, calibration, tests } = plan;
  const place = { out, ending: 'mosp', names: stateNames(options) };
  const start = { ...options, signal: watch.signal };
  return withRunState(place, settingsOf(provenance), start, async ({ folder }) => {
    const engine = await openLayerEngine({ device: model.device, threads: model.threads, takesTurns: true });
    try {
      const context: SweepContext = {
        ...{ model, blocks: targets.blocks, calibration, options, engine, folder },
        watch: { progress: model.progress, signal: watch.signal },
      };
      const main = await sweepMosp(context, {
        power: options.power,
        polish: options.polish ? preferences : [],
        measure: tests.length > 0 ? [] : preferences,
      });
      const baselines = await sweepBaselines(context, options.baselines);
      const points = new Map(
        preferences.map((preference) => {
          const choose: Parameters<typeof prunedWeights>[2] = (target, matrix) =>
            pointOf(target, matrix, preference, options);
          return [preferenceId(preference), prunedWeights(targets.blocks, main.store, choose)] as const;
        }),
      );
      const begun = performance.now();
      const candidates = tests.length > 0 ? candidatesOf(points, baselines, targets) : [];
      const read = await evaluateCandidates(model, candidates, tests, join(folder, 'rows'), context.watch);
      const rows = options.baselines.includes('alps') ? withAlps(read, preferences) : read;
      const evaluation = (performance.now() - begun) / 1000;
      const names = options.objectives.map(({ name }) => name);
      const front = tests.length > 0 ? measureFront(rows, preferences, names, options.seed) : undefined;
      const seconds = { ...main.seconds, baselines: baselines.reduce((sum, run) => sum + run.seconds, 0), evaluation };
      const pareto = await writeFront(out, {
        ...{ model, options, provenance, plan, points, baselines, rows, front, seconds, store: main.store, watch },
      });
      return { pareto, seconds };
    } finally {
      await engine.dispose();
    }
  });
}

/** @throws CriaError when a name is neither a point's nor a baseline's. */
function writtenOf({ write, baselines }: FrontOptions, preferences: readonly Preference[]): ReadonlySet<string> {
  const ids = preferences.map(preferenceId);
  const isEnd = (preference: Preference) => isUniform(preference) || onlyObjective(preference) !== undefined;
  if (write === undefined) return new Set(preferences.filter(isEnd).map(preferenceId));
  if (write === 'none') return new Set();
  const known = [...ids, ...evaluatedBaselines(baselines).filter((name) => name !== 'alps-per-task')];
  if (write === 'all') return new Set(known);
  const asked = write.split(',').filter(Boolean);
  const unknown = asked.find((name) => !known.includes(name));
  if (unknown === undefined) return new Set(asked);
  const remedy = `use all, none, or some of ${known.join(', ')}`;
  throw new CriaError(`no point or baseline is called ${unknown}`, { where: '--write', remedy });
}

function warnOfOverlap(calibration: readonly Windows[], tests: readonly Windows[], { progress }: LoadedModel): void {
  const seen = new Set(calibration.flatMap(({ windows }) => windows.map(String)));
  for (const { name, windows } of tests) {
    const both = windows.filter((ids) => seen.has(String(ids))).length;
    if (both > 0) progress.note(`${name}: ${both} of ${windows.length} test windows are calibration windows too.`);
  }
}

/** Every model that is evaluated: the base, the points, and the baselines, each objective's own on that objective alone. */
function candidatesOf(
  points: ReadonlyMap<string, PrunedWeights>,
  baselines: readonly BaselineRun[],
  { blocks }: Targets,
): Candidate[] {
  return [
    { name: 'base' },
    ...[...points].map(([name, weights]) => ({ name, weights })),
    ...baselines.map(({ name, objective, store }): Candidate => {
      const weights = prunedWeights(blocks, store, (_, { shared }) => shared);
      return { name, weights, ...(objective !== undefined && { objectives: [objective] }) };
    }),
  ];
}

/** ALPS on all calibration data is the uniform point: its rows are given under that name too. */
function withAlps(rows: readonly TestRow[], preferences: readonly Preference[]): TestRow[] {
  const id = preferenceId(preferences.find(isUniform) as Preference);
  return [...rows, ...rows.filter(({ model }) => model === id).map((row) => ({ ...row, model: 'alps' }))];
}

const stateNames = ({ objectives }: FrontOptions): string[] => [
  ...['mosp', 'rows', ...baselineNames],
  ...objectives.map(({ name }) => `alps-per-task-${name}`),
];

/** What a resumed run has to repeat: everything but which models are written. */
export function settingsOf({ options: { write: _, ...said }, inputs }: Provenance): Settings {
  return { ...said, inputs };
}
