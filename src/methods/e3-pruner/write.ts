import { copyFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { json, type Provenance, writeTexts } from '../../artifact/index.ts';
import { writeFolderAtomically } from '../../base/index.ts';
import { picture, writePage } from '../../report/index.ts';
import { cutCommands } from './commands.ts';
import { type E3Options, recoveryRate } from './options.ts';
import { e3Page, maskMap } from './report.ts';
import { type E3Result, own, ownCut } from './result.ts';
import { searchDefaults } from './search.ts';
import { summaryOf } from './summary.ts';

/** Writes the model of a finished folder at `out`, with prune.json, rows.jsonl and the page; whole or not at all. */
export async function writeResult(
  finished: string,
  out: string,
  result: E3Result,
  options: E3Options,
  provenance: Provenance,
): Promise<void> {
  const source = provenance.source;
  await writeFolderAtomically(out, options.force, async (folder) => {
    for (const name of readdirSync(finished)) copyFileSync(join(finished, name), join(folder, name));
    await writeTexts(folder, {
      'prune.json': json(pruneFile(result, options, provenance)),
      'rows.jsonl': rows(result)
        .map((row) => `${JSON.stringify(row)}\n`)
        .join(''),
      ...(result.search && { 'mask.svg': await picture(maskMap(result.search, result.target)) }),
    });
    await writePage(join(folder, 'report.html'), e3Page(result, source, options));
  });
}

/** What was found and how, without times: the same run gives the same bytes. */
function pruneFile(result: E3Result, options: E3Options, provenance: Provenance): object {
  const { target, importance, search, curve, ranked, tokens } = result;
  const { layers } = target;
  const { kept } = ownCut(result);
  const { kept: _, dropped, ...metrics } = summaryOf(result, options.seed);
  return {
    method: 'e3',
    base: provenance.source,
    L: layers,
    K: kept.length,
    kept,
    dropped,
    importance,
    logits: search?.logits,
    free: target.free,
    schedule: search && {
      ...searchDefaults,
      steps: options.searchSteps,
      tokens: options.searchTokens,
      samples: options.samples,
      relaxation: options.relaxation,
      loss: options.searchLoss,
    },
    recovery: {
      kind: options.recovery,
      loss: options.recoveryLoss,
      beta: options.beta,
      rank: options.rank,
      rate: recoveryRate(options),
    },
    seeds: { seed: options.seed },
    searchTokens: tokens.search,
    recoveryTokens: tokens.recovery,
    metrics,
    curve,
    ranked,
    commands: cutCommands(provenance.source, kept, layers),
    hashes: provenance.inputs,
    steps: search?.history.map((step, i) => ({ step: i + 1, ...step })),
  };
}

/** One line a test window and model. */
function rows({ base, cuts }: E3Result): object[] {
  const models = [
    { model: 'base', windows: base },
    ...Object.entries(cuts).flatMap(([name, { searched, recovered }]) => [
      { model: nameOf(name, 'searched'), windows: searched },
      ...(recovered ? [{ model: nameOf(name, 'recovered'), windows: recovered }] : []),
    ]),
  ];
  return models.flatMap(({ model, windows }) =>
    windows.map(({ window, tokens, nll, kl, sameTop }) => ({
      model,
      window,
      tokens,
      logLikelihood: -nll,
      kl,
      sameTop,
    })),
  );
}

const nameOf = (name: string, stage: 'searched' | 'recovered') => (name === own ? stage : `${name}, ${stage}`);
