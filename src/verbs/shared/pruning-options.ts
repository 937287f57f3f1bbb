import { byteSize, CriaError, duration } from '../../base/index.ts';
import type { PruningEstimate, Sparsity } from '../../methods/mosp/index.ts';
import {
  choice,
  columnsOption,
  flag,
  integer,
  type OptionValues,
  repeated,
  resumeOption,
  several,
  text,
} from '../../options/index.ts';

/** What mosp and prune share. */
export const pruningOptions = {
  sparsity: text('share of weights to set to zero, or N:M', { placeholder: '0.5|2:4' }),
  sparsityFor: repeated(text('another sparsity for matching matrices; repeatable', { placeholder: 'pattern=x' })),
  keep: several(text('matrices to leave dense, by name or glob', { placeholder: 'pattern' })),
  reprune: flag('choose existing zeros anew (by default they stay zero)'),
  columns: columnsOption,
  samples: integer('maximum calibration windows per data file', { default: 128, min: 1 }),
  sequence: integer('tokens in a window (default: 2048, or the context of the model)', { min: 2 }),
  capture: choice(
    ['block', 'group'],
    'collect the inputs of a block once, or again after each group of matrices is pruned',
    'block',
  ),
  dryRun: flag('print sizes and estimated time, then exit'),
  resume: resumeOption,
};

/** The sparsities that were asked for. @throws CriaError when there is none, or one is not a sparsity. */
export function sparsitiesOf(
  { sparsity, sparsityFor }: Pick<OptionValues<typeof pruningOptions>, 'sparsity' | 'sparsityFor'>,
  read: (text: string, where?: string) => Sparsity,
): { sparsity: Sparsity; sparsityFor: readonly (readonly [string, Sparsity])[] } {
  if (sparsity === undefined)
    throw new CriaError('--sparsity is required', { remedy: 'for example --sparsity 0.5 or --sparsity 2:4' });
  return {
    sparsity: read(sparsity),
    sparsityFor: sparsityFor.map((each) => {
      const at = each.lastIndexOf('=');
      if (at > 0) return [each.slice(0, at), read(each.slice(at + 1), '--sparsity-for')] as const;
      throw new CriaError(`'${each}' is not a pattern with a sparsity`, {
        where: '--sparsity-for',
        remedy: 'write it as PATTERN=0.5',
      });
    }),
  };
}

/** Tokens in a window. @throws CriaError when the model cannot read as many. */
export function sequenceOf(asked: number | undefined, context: number): number {
  const sequence = asked ?? Math.min(2048, context);
  if (sequence <= context) return sequence;
  throw new CriaError(`${sequence} tokens do not fit in the context of ${context}`, {
    where: '--sequence',
    remedy: `use ${context} or fewer`,
  });
}

/** One line on what a run would take. */
export function estimated({ matrices, calibrationTokens, models, seconds, memoryBytes, bundleBytes }: PruningEstimate) {
  const bundle = bundleBytes === undefined ? '' : `, a bundle of ${byteSize(bundleBytes)}`;
  return (
    `${matrices} matrices, ${calibrationTokens} calibration tokens, ${models} models to evaluate: about ${duration(seconds)} ` +
    `when nothing else runs, ${byteSize(memoryBytes)} beside the model${bundle}`
  );
}
