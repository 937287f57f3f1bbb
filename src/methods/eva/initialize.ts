import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hashOfInput, type Provenance, writeAdapterFolder, writeTexts } from '../../artifact/index.ts';
import { besideOutput, refuseExisting, refuseOtherSettings, type Settings, withRunState } from '../../base/index.ts';
import type { LoadedModel } from '../../model/index.ts';
import { picture, writePage } from '../../report/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import { batchOrder, type Example, type Sequencing, sequencesIn } from '../../train/index.ts';
import { type InputGroup, inputGroups } from './groups.ts';
import type { EvaOptions } from './options.ts';
import { evaPage, rankMap } from './report.ts';
import { type EvaData, type EvaResult, eva, isBegun, shareAgain } from './run.ts';
import { type EvaState, readState, writeState } from './state.ts';

/** What is read, how, and into what. */
export interface InitializeOptions extends EvaOptions, Sequencing {
  readonly data: string;
  /** Sequences in a batch. */
  readonly batch: number;
  readonly shuffle: boolean;
  readonly seed: number;
  readonly resume: boolean;
  readonly force: boolean;
}

/** What an adapter folder holds besides the adapter: from this another budget can be shared. */
const stateFile = 'eva.safetensors';
const ending = 'eva';

const saveEveryMs = 60_000;

/**
 * Reads the data until the inputs of all targets have converged and writes the adapter folder that begins training.
 * Interrupted, it leaves its state beside the output; the same run resumed gives the same bytes.
 * @throws CriaError when options, data and model do not fit together.
 */
export async function initializeAdapter(
  model: LoadedModel,
  tokenizer: Tokenizer,
  out: string,
  options: InitializeOptions,
  provenance: Provenance,
  signal?: AbortSignal,
): Promise<EvaResult> {
  const { progress } = model;
  refuseExisting(out, options.force);
  const groups = inputGroups(model.config, options.targets);
  const settings = await settingsOf(model, options, provenance);
  const place = { out, ending, names: [stateFile] };
  return withRunState(place, settings, { ...options, signal }, async (run) => {
    const path = run.path(stateFile);
    const from = run.has(stateFile) ? readState(path, () => groups).state : undefined;
    const data = batchesOf(await sequencesIn(options.data, tokenizer, options, model), options);
    let [latest, saved, savedAt] = [from, from, performance.now()];
    const save = async () => {
      if (!latest || latest === saved || !isBegun(latest)) return;
      await writeState(path, latest, groups, settings);
      [saved, savedAt] = [latest, performance.now()];
    };
    const keep = async (state: EvaState) => {
      latest = state;
      if (performance.now() - savedAt > saveEveryMs) await save();
    };
    try {
      const result = await eva(model, data, options, { progress, signal, from, keep });
      await write(out, result, options.rank, settings, provenance, options.force);
      return result;
    } catch (error) {
      await save();
      throw error;
    }
  });
}

/**
 * The same for a run that starts from `out` and may go on with an earlier one: what that has written or begun is used.
 * @throws CriaError as initializeAdapter, and when the earlier run was asked for something else.
 */
export async function initializeStart(
  model: LoadedModel,
  tokenizer: Tokenizer,
  out: string,
  options: InitializeOptions,
  provenance: Provenance,
  signal?: AbortSignal,
): Promise<void> {
  if (options.resume && existsSync(out)) {
    const { settings } = readState(join(out, stateFile), (made) => groupsOf(model, made));
    refuseOtherSettings(out, settings, await settingsOf(model, options, provenance));
    return;
  }
  const resume = options.resume && existsSync(besideOutput(out, ending));
  await initializeAdapter(model, tokenizer, out, { ...options, resume }, provenance, signal);
}

/** The adapter folder that an earlier one gives for another mean rank, without reading data. */
export async function initializeAgain(
  model: LoadedModel,
  from: string,
  out: string,
  options: Pick<EvaOptions, 'rank' | 'whiten'> & { readonly force: boolean },
  provenance: Provenance,
): Promise<EvaResult> {
  refuseExisting(out, options.force);
  const { state, settings, groups } = readState(join(from, stateFile), (made) => groupsOf(model, made));
  const result = shareAgain(model.path, groups, state, options);
  const { rank, whiten, force } = options;
  await write(out, result, rank, { ...settings, rank, whiten }, provenance, force);
  return result;
}

function write(
  out: string,
  result: EvaResult,
  rank: number,
  settings: Settings,
  provenance: Provenance,
  force: boolean,
): Promise<number> {
  return writeAdapterFolder(out, result.adapter, provenance, force, async (folder) => {
    await writeState(join(folder, stateFile), result.state, result.groups, settings);
    await writePage(join(folder, 'report.html'), evaPage(result, rank));
    await writeTexts(folder, { 'ranks.svg': await picture(rankMap(result.ranks)) });
  });
}

/** The inputs that a saved run has read. */
function groupsOf({ config }: LoadedModel, { targets }: Settings): InputGroup[] {
  const isList = Array.isArray(targets) && targets.every((target): target is string => typeof target === 'string');
  return inputGroups(config, isList ? targets : []);
}

function batchesOf(sequences: readonly Example[], { batch, shuffle, seed }: InitializeOptions): EvaData {
  const order = batchOrder(sequences.length, batch, shuffle, seed);
  return {
    round: Math.ceil(sequences.length / batch),
    // a text that stands twice in a batch shows no more directions than once
    batch: (step) => [...new Set(order(step))].map((index) => sequences[index] as Example),
  };
}

/** What a resumed run has to repeat: everything but how long it may take. */
async function settingsOf(model: LoadedModel, options: InitializeOptions, provenance: Provenance): Promise<Settings> {
  const { data, columns, rank, rho, tau, targets, whiten, batch, sequence } = options;
  const { packing, skipTokens, trainOnPrompts, shuffle, seed } = options;
  return {
    ...{ model: model.path, data, content: await hashOfInput(provenance, data), columns: columns && [...columns] },
    ...{ rank, rho, tau, targets, whiten, batch, sequence, packing, skipTokens, trainOnPrompts, shuffle, seed },
  };
}
