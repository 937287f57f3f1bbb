import type { Columns } from '../../data/index.ts';
import {
  choice,
  defaultsOf,
  flag,
  integer,
  integers,
  number,
  type OptionValues,
  text,
  words,
} from '../../options/index.ts';
import { relaxations } from './relaxation.ts';

export const baselineNames = ['random', 'reverse', 'shortgpt', 'sleb'] as const;
export type BaselineName = (typeof baselineNames)[number];

/** Where the paper's values are not known they are ours (docs/e3-prune.md). */
export const e3Options = {
  drop: integer('layers to drop', { min: 1 }),
  keep: integer('layers to keep', { min: 1 }),
  kept: integers('the layers to keep, from 0, in place of a search', 0),
  protect: integers('layers that stay; -1 is the last one', -10_000),
  multipleOf: integer('keep a multiple of this many layers, for pipelines', { default: 1, min: 1 }),
  searchSteps: integer('updates of the mask', { default: 200, min: 1 }),
  searchTokens: integer('tokens in a search step', { default: 1024, min: 2 }),
  samples: integer('masks drawn in a step', { default: 2, min: 1 }),
  relaxation: choice(relaxations, "soft mask whose derivative replaces the hard mask's", 'threshold'),
  searchLoss: choice(['kd', 'ce'], 'distillation from the whole model, or cross entropy', 'kd'),
  recovery: choice(['none', 'lora', 'full'], 'how the kept layers are trained', 'lora'),
  recoveryTokens: integer('tokens that recovery reads', { default: 100_000, min: 2 }),
  recoveryLoss: choice(['kd', 'ce'], 'distillation from the whole model, or cross entropy', 'kd'),
  rank: integer("rank of recovery's LoRA", { default: 16, min: 1 }),
  lr: number('learning rate of recovery (default: 0.0005, in full 0.00005)', { min: 0 }),
  beta: number("weight of a token's entropy in distillation; 0 weights all tokens alike", { default: 1, min: 0 }),
  baselines: words('masks to compare with, after the same recovery: random,reverse,shortgpt,sleb'),
  allMasks: flag('measure every mask of as many layers too, at most 1000, and report the rank of the found one'),
  test: text('the text of the perplexities (default: sequences of the data that nothing else reads)', {
    placeholder: 'file',
  }),
  testTokens: integer('how many of its first tokens', { default: 4096, min: 2 }),
  task: text('a task that is answered before and after: long answers suffer first', { placeholder: 'file' }),
};

export const e3Defaults = defaultsOf(e3Options);

/** Declared options with what a run needs besides. */
export interface E3Options extends OptionValues<typeof e3Options> {
  readonly data: string;
  readonly columns?: Columns | undefined;
  readonly packing: 'auto' | 'concat' | 'none';
  /** Tokens of a sequence. */
  readonly sequence: number;
  readonly seed: number;
  readonly resume: boolean;
  readonly force: boolean;
}

/** The learning rate of recovery. */
export const recoveryRate = ({ lr, recovery }: Pick<E3Options, 'lr' | 'recovery'>): number =>
  lr ?? (recovery === 'full' ? 5e-5 : 5e-4);
