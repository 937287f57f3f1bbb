import { provenanceOf } from '../../artifact/index.ts';
import { CriaError, refuseExisting, silent, type Watch } from '../../base/index.ts';
import { openCheckpoint } from '../../checkpoint/index.ts';
import { type Bundle, checkBase } from './bundle.ts';
import { pointOf } from './points.ts';
import type { Preference } from './preference.ts';
import { writePruned } from './write.ts';

/** The preference that NAME=X,NAME=Y means for a bundle; objectives that are not named count 0. @throws CriaError */
function preferenceFrom(text: string, objectives: readonly string[]): Preference {
  const where = '--weights';
  const preference = objectives.map(() => 0);
  const seen = new Set<string>();
  for (const part of text.split(',')) {
    const [name = '', given = ''] = part.split('=');
    const at = objectives.indexOf(name);
    const weight = given.trim() === '' ? Number.NaN : Number(given);
    if (at < 0) {
      throw new CriaError(`'${name}' is not an objective`, { where, remedy: `use some of ${objectives.join(', ')}` });
    }
    if (seen.has(name) || !(weight >= 0 && weight <= 1)) {
      throw new CriaError(`'${part}' is not a weight`, { where, remedy: 'use each objective once, from 0 to 1' });
    }
    seen.add(name);
    preference[at] = weight;
  }
  const total = preference.reduce((sum, weight) => sum + weight, 0);
  if (Math.abs(total - 1) > 1e-6) throw new CriaError(`weights must sum to 1 (got ${total})`, { where });
  return preference;
}

export interface Materialising {
  readonly weights: string;
  /** Where the base lies, when it is not where it was. */
  readonly base?: string;
  readonly force: boolean;
  readonly seed: number;
}

/** Writes the model of a preference from a bundle and its base. @throws CriaError when they do not belong together. */
export async function materialise(
  bundle: Bundle,
  out: string,
  { weights, base = bundle.base.path, force, seed }: Materialising,
  watch: Watch,
): Promise<Preference> {
  const preference = preferenceFrom(weights, bundle.objectives);
  refuseExisting(out, force);
  const checkpoint = openCheckpoint(base);
  try {
    await checkBase(bundle, checkpoint, watch);
    const replacements = new Map(
      bundle.targets.map((target) => {
        const read = () => pointOf(target, bundle.matrix(target.name), preference, bundle).data;
        return [target.name, { shape: [target.rows, target.columns], read }] as const;
      }),
    );
    const provenance = provenanceOf('mosp materialise', bundle.base.id, { bundle: bundle.path, weights }, seed, {
      [bundle.base.id]: bundle.base.sha256,
    });
    await writePruned(out, { checkpoint, progress: watch.progress ?? silent }, replacements, provenance, {}, watch);
    return preference;
  } finally {
    checkpoint.close();
  }
}
