import { join } from 'node:path';
import { jsonLines, type Provenance, writeTexts } from '../../artifact/index.ts';
import { figure, refuseExisting, type Watch, withRunState } from '../../base/index.ts';
import type { LoadedModel } from '../../model/index.ts';
import { type Page, writePage } from '../../report/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import type { MatrixReport } from './blocks.ts';
import { openLayerEngine } from './engine.ts';
import { evaluateCandidates } from './evaluate.ts';
import { perplexitiesOf } from './front.ts';
import { targetsOf } from './matrices.ts';
import { readWindows } from './objectives.ts';
import { type BaselineName, frontDefaults, type PruneOptions } from './options.ts';
import { sparsityText } from './pattern.ts';
import { prunedWeights } from './points.ts';
import { errorsByLayer, sizeNote } from './report.ts';
import { type FrontPlan, settingsOf } from './run.ts';
import { sweepBaseline } from './sweeps.ts';
import { writePruned } from './write.ts';

export type PruneMethod = Exclude<BaselineName, 'alps-per-task'>;

/** What one model is pruned by. */
export interface SinglePruneOptions extends Omit<PruneOptions, 'alpha' | 'guard' | 'propagate'> {
  readonly method: PruneMethod;
  readonly calibration: string;
  readonly test?: string;
  readonly resume: boolean;
  readonly force: boolean;
}

export interface PruneResult {
  readonly path: string;
  readonly method: PruneMethod;
  /** The share of zeros of the pruned matrices. */
  readonly sparsity: number;
  /** Squared errors of the outputs of all layers as a share of the outputs. */
  readonly layerError: number;
  readonly perplexityBefore: number | null;
  readonly perplexityAfter: number | null;
  readonly skipped: readonly string[];
  readonly seconds: number;
}

const testName = 'test';

/** Reads the data of a run. @throws CriaError when options, data and model do not fit together. */
export async function planPrune(
  model: LoadedModel,
  tokenizer: Tokenizer,
  options: SinglePruneOptions,
  watch: Watch,
): Promise<Pick<FrontPlan, 'targets' | 'calibration' | 'tests'>> {
  const { calibration, test } = options;
  const read = (name: string, data: string) => readWindows([{ name, data }], tokenizer, options, model, watch);
  return {
    targets: targetsOf(model.checkpoint, model.config, options),
    calibration: await read('calibration', calibration),
    tests: test === undefined ? [] : await read(testName, test),
  };
}

/**
 * Prunes a model once, by one method, and writes it. Interrupted, it leaves finished blocks beside the output.
 * @throws CriaError when options, data and model do not fit together.
 */
export async function pruneModel(
  model: LoadedModel,
  tokenizer: Tokenizer,
  out: string,
  options: SinglePruneOptions,
  provenance: Provenance,
  watch: Watch,
): Promise<PruneResult> {
  const begun = performance.now();
  const { method, sparsity } = options;
  refuseExisting(out, options.force);
  const { targets, calibration, tests } = await planPrune(model, tokenizer, options, watch);
  const { blocks, skipped } = targets;
  const place = { out, ending: 'prune', names: [method, 'rows'] };
  const start = { ...options, signal: watch.signal };
  return withRunState(place, settingsOf(provenance), start, async ({ folder }) => {
    const engine = await openLayerEngine({ device: model.device, threads: model.threads, takesTurns: true });
    const watched = { progress: model.progress, signal: watch.signal };
    try {
      const how = { ...frontDefaults, ...options, guard: false };
      const context = { model, blocks, calibration, options: how, engine, folder, watch: watched };
      const { store } = await sweepBaseline(context, method);
      const weights = prunedWeights(blocks, store, (_target, { shared }) => shared);
      const candidates = tests.length > 0 ? [{ name: 'base' }, { name: method, weights }] : [];
      const rows = await evaluateCandidates(model, candidates, tests, join(folder, 'rows'), watched);
      const perplexity = perplexitiesOf(rows);
      const reports = blocks.flatMap((targets, layer) => (targets.length > 0 ? store.reports(layer) : []));
      const total = (of: (report: MatrixReport) => number) => reports.reduce((sum, report) => sum + of(report), 0);
      const result: PruneResult = {
        path: out,
        method,
        sparsity: 1 - total(({ kept }) => kept) / total(({ size }) => size),
        layerError: total(({ shared }) => shared[0] as number) / total(({ energy }) => energy[0] as number),
        perplexityBefore: perplexity.get('base')?.[testName] ?? null,
        perplexityAfter: perplexity.get(method)?.[testName] ?? null,
        skipped,
        seconds: (performance.now() - begun) / 1000,
      };
      await writePruned(out, model, weights, provenance, {}, watch, async (written) => {
        await writeTexts(written, { 'layers.jsonl': jsonLines(reports), 'rows.jsonl': jsonLines(rows) });
        await writePage(
          join(written, 'report.html'),
          prunePage(result, reports, sparsityText(sparsity), sparsity.kind),
        );
      });
      return result;
    } finally {
      await engine.dispose();
    }
  });
}

function prunePage(
  result: PruneResult,
  reports: readonly MatrixReport[],
  target: string,
  kind: 'unstructured' | 'n:m',
): Page {
  const { method, layerError, perplexityBefore: before, perplexityAfter: after } = result;
  const tested =
    before === null || after === null ? '' : ` Perplexity ${figure(before)} before and ${figure(after)} after.`;
  const title = 'Squared error of the outputs, as a share of the outputs';
  const errors = errorsByLayer(reports, title, 0, [[method, ({ shared }) => shared]]);
  return {
    title: `Pruned to ${target} by ${method}`,
    summary: `The squared errors of all layers are ${figure(layerError)} of their outputs.${tested}`,
    sections: [
      { title: 'Errors by layer', parts: [errors] },
      { title: 'Size and speed', parts: [{ kind: 'prose', text: sizeNote(kind) }] },
    ],
  };
}
