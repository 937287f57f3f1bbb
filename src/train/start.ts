import { CriaError } from '../base/index.ts';
import { type Adapter, isPlain, readAdapter } from '../checkpoint/index.ts';
import type { LoadedModel } from '../model/index.ts';
import { initLora, initPrefix, initPrompt, targetsOf } from './init-adapters.ts';
import { initSizes, type OptionsWithDefaults } from './resolved-options.ts';

/**
 * The adapter that training starts from: fresh, or that of the folder `init`.
 * @throws CriaError when that is of another kind, or options say otherwise than it does.
 */
export function startingAdapter(model: LoadedModel, options: OptionsWithDefaults, init: string | undefined): Adapter {
  const { mode, seed } = options;
  if (init !== undefined) {
    const adapter = readAdapter(init);
    if (adapter.kind !== mode) {
      const remedy = `pass --mode ${adapter.kind}, or use another folder`;
      throw new CriaError(`holds a ${adapter.kind} adapter, but --mode is ${mode}`, { where: init, remedy });
    }
    refuseReplacements(adapter, init);
    if (typeof options.init === 'string') refuseOther(adapter, options); // one that was made is as was asked for
    return { ...adapter, base: model.path };
  }
  const { rank, alpha, virtualTokens } = initSizes(options);
  if (mode === 'prompt') return initPrompt(model, virtualTokens, seed);
  if (mode === 'prefix') return initPrefix(model, virtualTokens, seed);
  return initLora(model, { ...options, rank, alpha }, seed);
}

/** @throws CriaError for an adapter of which training would lose a part. */
function refuseReplacements(adapter: Adapter, where: string): void {
  if (adapter.kind !== 'lora' || isPlain(adapter)) return;
  const remedy = 'merge it first (cria merge), then train';
  throw new CriaError('cannot continue training DoRA, saved modules or biases', { where, remedy });
}

/** @throws CriaError when an option asks for another adapter than the one that training goes on with. */
function refuseOther(adapter: Adapter, options: OptionsWithDefaults): void {
  const { rank, alpha, rslora, targets, virtualTokens } = options;
  if (adapter.kind !== 'lora') {
    if (virtualTokens !== undefined && virtualTokens !== adapter.tokens) throw ownValue('--virtual-tokens');
    return;
  }
  const modules = [...adapter.modules];
  if (rank !== undefined && modules.some(([, module]) => module.rank !== rank)) throw ownValue('--rank');
  if (alpha !== undefined && modules.some(([, module]) => module.alpha !== alpha)) throw ownValue('--alpha');
  if (rslora && !adapter.rslora) throw ownValue('--rslora');
  if (targets.length === 0) return;
  const asked = targetsOf(targets);
  const isAsked = ([path]: readonly [string, unknown]) => asked.some((target) => path.endsWith(`.${target}`));
  const isThere = (target: string) => modules.some(([path]) => path.endsWith(`.${target}`));
  if (!modules.every(isAsked) || !asked.every(isThere)) throw ownValue('--targets');
}

const ownValue = (where: string) =>
  new CriaError('differs from the value of the --init adapter', {
    where,
    remedy: 'leave it or --init out',
  });
