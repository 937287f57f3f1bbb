import type { Provenance } from '../../artifact/index.ts';
import { CriaError, refuseExisting, throwIfAborted, type Watch, withRunState } from '../../base/index.ts';
import type { Codes } from '../../checkpoint/index.ts';
import { evaluationText } from '../../evaluate/index.ts';
import type { LoadedModel } from '../../model/index.ts';
import { isCalibrated, quantize, type WeightMatrix } from '../schemes/index.ts';
import { partOf, quantizeCalibrated } from './calibrated.ts';
import { calibrationTexts } from './calibration.ts';
import { type Importance, importanceFrom, writeImportance } from './importance.ts';
import type { QuantizeOptions } from './options.ts';
import { type Plan, planOf, type Target } from './plan.ts';
import { resultOf, type TensorResult } from './result.ts';
import { fileOf, openSpool, type Spool } from './spool.ts';
import { type Written, writeQuantized } from './write.ts';

/** What a run made. */
export interface QuantizeResult extends Written {
  readonly plan: Plan;
  readonly tensors: readonly TensorResult[];
  readonly seconds: number;
}

/**
 * Quantizes a model, one block in memory at a time, and writes it. Interrupted, it leaves the finished blocks beside the
 * output; the same run resumed goes on behind them.
 * @throws CriaError when options and model do not fit together or the output cannot be written.
 */
export async function quantizeModel(
  model: LoadedModel,
  out: string,
  options: QuantizeOptions,
  provenance: Provenance,
  watch: Watch,
): Promise<QuantizeResult> {
  const begun = performance.now();
  refuseExisting(out, options.force);
  const plan = planOf(model.checkpoint, model.config, options, model.progress);
  const texts = await calibrationTexts(model, options, watch);
  const needy = plan.targets.find(({ quantizer }) => isCalibrated(quantizer));
  if (needy && !texts) {
    const remedy = 'pass --calibration text.txt';
    throw new CriaError(`${needy.quantizer.scheme} needs a text to calibrate on`, { where: needy.name, remedy });
  }
  const text = options.measure === undefined ? undefined : evaluationText(model, { text: options.measure });
  const importance = importanceFrom(model, options, plan.targets);
  if (options.writeImatrix !== undefined) {
    if (!texts) throw new CriaError('needs a --calibration text', { where: '--write-imatrix' });
    await writeImportance(options.writeImatrix, model, texts, options.calibration as string, watch);
  }
  const parts = partsOf(plan);
  const { resume, force, ...asked } = options;
  const place = { out, ending: 'quantize', names: [...[...parts.keys()].map(fileOf), hiddenStates] };
  const settings = { ...asked, inputs: provenance.inputs };
  return withRunState(place, settings, { resume, force, signal: watch.signal }, async (state) => {
    const spool = openSpool(state, [...parts.keys()]);
    const { blocks, ends } = { blocks: new Map(parts), ends: parts.get('ends') };
    blocks.delete('ends');
    const outside = ends ? await quantizeParts(model, new Map([['ends', ends]]), spool, importance, watch) : [];
    const inside = texts
      ? await quantizeCalibrated(model, texts, blocks, spool, importance, state.path(hiddenStates), watch)
      : await quantizeParts(model, blocks, spool, importance, watch);
    const tensors = [...outside, ...inside];
    const replacements = spool.replacements();
    try {
      const made = { model, plan, tensors, replacements, provenance, options, text };
      const written = await writeQuantized(out, { ...made, ...watch });
      return { ...written, plan, tensors, seconds: (performance.now() - begun) / 1000 };
    } finally {
      replacements.close();
    }
  });
}

const hiddenStates = 'hidden-states'; // of long calibration texts, while it runs

/** The targets by part: a block, or the ends of the model. */
function partsOf({ targets }: Plan): Map<string, Target[]> {
  const parts = new Map<string, Target[]>();
  for (const target of targets) {
    const part = partOf(target.layer);
    parts.set(part, [...(parts.get(part) ?? []), target]);
  }
  return parts;
}

async function quantizeParts(
  { checkpoint, progress }: LoadedModel,
  parts: ReadonlyMap<string, readonly Target[]>,
  spool: Spool,
  importance: Importance,
  { signal }: Watch,
): Promise<TensorResult[]> {
  const total = [...parts.values()].reduce((sum, targets) => sum + targets.length, 0);
  const results: TensorResult[] = [];
  for (const [part, targets] of parts) {
    const known = spool.resultsOf(part);
    if (known) {
      results.push(...known);
      continue;
    }
    const replaced = new Map<string, Codes>();
    const own: TensorResult[] = [];
    for (const target of targets) {
      throwIfAborted(signal);
      progress.step('quantizing', results.length + own.length, total, 'matrices');
      const { name, out, inner } = target;
      const matrix: WeightMatrix = { out, inner, data: checkpoint.readFloat32(name) };
      if (isCalibrated(target.quantizer)) {
        const remedy = 'take another scheme for it';
        throw new CriaError(`${target.quantizer.scheme} quantizes linear maps of blocks`, { where: name, remedy });
      }
      const made = quantize(matrix, target.quantizer, importance.get(name));
      replaced.set(name, made.codes);
      own.push(resultOf(target, matrix, made));
    }
    await spool.save(part, { replaced, results: own });
    results.push(...own);
  }
  progress.step('quantizing', total, total, 'matrices');
  return results;
}
