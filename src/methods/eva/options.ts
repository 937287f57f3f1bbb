import { defaultsOf, flag, integer, number, type OptionValues, words } from '../../options/index.ts';

/** Names and defaults as in PEFT's LoraConfig and EvaConfig. (Paischer et al. 2024, table 4) */
export const evaOptions = {
  rank: integer('mean rank of a module: the budget is this times their number', { default: 16, min: 1 }),
  rho: number('the largest rank of a module, as a multiple of the mean; 1 gives all the same', {
    default: 2,
    min: 1,
    max: 1000,
  }),
  tau: number('cosine between the old and the new direction from which a component has converged', {
    default: 0.99,
    min: 0,
    max: 1,
  }),
  targets: words('linear layers to adapt, as in q_proj,v_proj (default: all)'),
  whiten: flag('divide each row of A by the root of its singular value'),
  maxBatches: integer('batches after which the ranks are taken as they are', { default: 500, min: 1 }),
};

export type EvaOptions = OptionValues<typeof evaOptions>;

export const evaDefaults: EvaOptions = defaultsOf(evaOptions);
