import { existsSync } from 'node:fs';
import { convert, hashOfInput, type Provenance, refusePruned } from '../../artifact/index.ts';
import { type RunState, refuseExisting, type Settings, type Watch, withRunState } from '../../base/index.ts';
import { type ComparedWindow, type Predicted, readTask } from '../../evaluate/index.ts';
import { keptLayers, type LoadedModel, loadModel } from '../../model/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import type { TeacherCache } from '../../train/index.ts';
import { type Data, readData, teacherOf } from './data.ts';
import { measureSpeedup, openEvaluator, taskAccuracy } from './evaluation.ts';
import { everyMask, type FoundMask, findMask, qualityByDepth } from './find-mask.ts';
import { type LayerEffects, openLayerEffects } from './layer-effects.ts';
import { baselineMasks, maskNames } from './masks.ts';
import type { E3Options } from './options.ts';
import { mergeRecovered, openRecovered, type RecoveryContext, recover } from './recovery.ts';
import { type Cut, type E3Result, own } from './result.ts';
import { baselinesOf, type Target, targetOf } from './target.ts';
import { writeResult } from './write.ts';

/**
 * Drops layers of a model: searches a mask by gradient, trains what is left on the whole model's distributions, and
 * writes the shallower model at `out` with what was found. Interrupted, it leaves its state beside the output; the same
 * run resumed gives the same bytes. (E3-Pruner, arXiv 2511.17205)
 * @throws CriaError when options, data and model do not fit together.
 */
export async function e3Prune(
  model: LoadedModel,
  tokenizer: Tokenizer,
  out: string,
  options: E3Options,
  provenance: Provenance,
  signal?: AbortSignal,
): Promise<E3Result> {
  const { progress } = model;
  refuseExisting(out, options.force);
  const target = targetOf(model.config, options);
  const watch: Watch = signal ? { progress, signal } : { progress };
  const questions = options.task === undefined ? undefined : await readTask(options.task, options.columns);
  if (options.recovery === 'lora') {
    const matrices = [...model.checkpoint.tensors.values()].filter(({ name }) => name.endsWith('_proj.weight'));
    refusePruned(model.checkpoint, matrices, 'pass --recovery full or none, which keep them', signal);
  }
  const data = await readData(model, tokenizer, options, watch);
  if (4 * target.drop > target.layers) {
    progress.note(`More than a quarter of the layers goes: test long answers before the model is used (--task).`);
  }
  const place = { out, ending: 'e3', names: entriesOf(options) };
  const settings = await settingsOf(model, options, provenance);
  return withRunState(place, settings, { ...options, signal }, async (state) => {
    const { seconds, time } = timer();
    const masks = await findMasks(model, target, data, options, state, watch, time);
    const { found } = masks;
    const curve =
      found &&
      (await time('depths', () =>
        state.once('curve.json', () => qualityByDepth(model, target, found.search, data, watch)),
      ));
    const ranked = options.allMasks
      ? await time('every mask', () => state.once('ranked.json', () => everyMask(model, target, data, watch)))
      : undefined;
    const load = { device: model.device, threads: model.threads, progress };
    const stages: Stages = { model, data, options, state, watch, context: { tokenizer, provenance, load, signal } };
    const { base, cuts } = await measureCuts(stages, masks.kept, time);
    const pruned = loadModel(await finalFolder(stages, masks.kept[own] as readonly number[]), load);
    try {
      const task =
        questions &&
        (await state.once('task.json', async () => ({
          before: await taskAccuracy(model, tokenizer, questions, watch),
          after: await taskAccuracy(pruned, tokenizer, questions, watch),
        })));
      const speedup = await time('speed', () =>
        measureSpeedup(model, pruned, (data.windows[0] as Predicted).ids, watch),
      );
      const tokens = {
        search: found ? options.searchSteps * data.batch * options.sequence : 0,
        recovery: options.recovery === 'none' ? 0 : options.recoveryTokens,
      };
      const { importance, search } = found ?? {};
      const result = { target, importance, search, curve, ranked, base, cuts, task, speedup, tokens, seconds };
      await writeResult(pruned.path, out, result, options, provenance);
      return result;
    } finally {
      pruned.close();
    }
  });
}

type Time = <T>(name: string, part: () => Promise<T>) => Promise<T>;

/** The kept layers of the method, by a search or as given, and of every baseline. */
async function findMasks(
  model: LoadedModel,
  target: Target,
  data: Data,
  options: E3Options,
  state: RunState,
  watch: Watch,
  time: Time,
): Promise<{ found: FoundMask | undefined; kept: Readonly<Record<string, readonly number[]>> }> {
  let opened: Promise<LayerEffects> | undefined;
  const effects = () => {
    opened ??= openLayerEffects(model);
    return opened;
  };
  try {
    const found =
      options.kept.length > 0
        ? undefined
        : await time('search', () => findMask(model, effects, target, data, options, state, watch));
    const kept: Record<string, readonly number[]> = { [own]: found?.kept ?? options.kept };
    for (const name of baselinesOf(options)) {
      const masks = () => baselineMasks(name, target, effects, data.calibration, options.seed, watch);
      Object.assign(kept, await time(name, () => state.once(`masks-${name}.json`, masks)));
    }
    return { found, kept };
  } finally {
    await (await opened)?.dispose();
  }
}

/** What the stages behind the search share. */
interface Stages {
  readonly model: LoadedModel;
  readonly data: Data;
  readonly options: E3Options;
  readonly state: RunState;
  readonly watch: Watch;
  readonly context: RecoveryContext;
}

/** Every cut on the test windows, before recovery and after it; the method's own is measured as it is written. */
async function measureCuts(
  stages: Stages,
  masks: Readonly<Record<string, readonly number[]>>,
  time: Time,
): Promise<{ base: readonly ComparedWindow[]; cuts: Readonly<Record<string, Cut>> }> {
  const { model, data, options, state, watch, context } = stages;
  const { checkpoint } = model;
  const { load } = context;
  let taught: Promise<TeacherCache> | undefined;
  const teacher = async () => {
    if (options.recoveryLoss === 'kd') taught ??= teacherOf(model, data.recovery, watch);
    return taught;
  };
  const evaluator = await openEvaluator(model, data.windows, watch);
  const measured = async (opened: LoadedModel) => {
    try {
      return await time('evaluation', () => evaluator.evaluate(opened, watch));
    } finally {
      opened.close();
    }
  };
  try {
    const cuts: Record<string, Cut> = {};
    for (const [name, kept] of Object.entries(masks)) {
      const searched = await state.once(`searched-${name}.json`, () =>
        measured(loadModel(keptLayers(checkpoint, kept), load)),
      );
      cuts[name] = { kept, searched };
      if (options.recovery === 'none') continue;
      const path = state.path(`recovered-${name}`);
      const recovered = await state.once(`recovered-${name}.json`, async () => {
        if (!existsSync(path)) {
          const what = { sequences: data.recovery, teacher: await teacher() };
          await time('recovery', () => recover(checkpoint, kept, path, what, options, context));
        }
        if (name === own) return measured(loadModel(await finalFolder(stages, kept), load));
        return measured(openRecovered(checkpoint, kept, path, options.recovery, load));
      });
      cuts[name] = { kept, searched, recovered };
    }
    return { base: evaluator.base, cuts };
  } finally {
    await evaluator.dispose();
  }
}

/** The folder of the method's own model, complete; it is written where it is not there yet. */
async function finalFolder(
  { model, options, state, watch, context }: Stages,
  kept: readonly number[],
): Promise<string> {
  const recovered = state.path(`recovered-${own}`);
  if (options.recovery === 'full') return recovered;
  const path = state.path('final');
  if (existsSync(path)) return path;
  const { checkpoint } = model;
  if (options.recovery === 'lora') await mergeRecovered(checkpoint, kept, recovered, path, context);
  else {
    const { provenance } = context;
    await convert(keptLayers(checkpoint, kept), path, { to: 'safetensors', provenance, ...watch });
  }
  return path;
}

/** All entries that the state of a run may have. */
function entriesOf(options: E3Options): string[] {
  const baselines = baselinesOf(options);
  const names = [own, ...maskNames(baselines)];
  const folders = names.flatMap((name) => [`recovered-${name}`, `recovered-${name}.training`]);
  const masks = baselines.map((name) => `masks-${name}`);
  const measured = names.flatMap((name) => [`searched-${name}`, `recovered-${name}`]);
  const files = [...masks, ...measured, 'importance', 'search', 'curve', 'ranked', 'task'].map(
    (name) => `${name}.json`,
  );
  return [...folders, ...files, 'final'];
}

/** What a resumed run has to repeat. */
async function settingsOf(model: LoadedModel, options: E3Options, provenance: Provenance): Promise<Settings> {
  const { resume: _, force: __, ...rest } = options;
  const content = await hashOfInput(provenance, options.data);
  return { ...rest, content, model: model.path, threads: model.threads };
}

/** Adds up the seconds of named parts. */
function timer(): { readonly seconds: Readonly<Record<string, number>>; readonly time: Time } {
  const seconds: Record<string, number> = {};
  return {
    seconds,
    async time(name, part) {
      const begun = performance.now();
      try {
        return await part();
      } finally {
        seconds[name] = (seconds[name] ?? 0) + (performance.now() - begun) / 1000;
      }
    },
  };
}
