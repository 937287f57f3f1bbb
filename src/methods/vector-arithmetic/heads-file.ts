import { CriaError } from '../../base/index.ts';
import { readJson } from '../../data/index.ts';
import type { Config } from '../../model/index.ts';
import { allHeads, nameOf, type ScoredHead } from './heads.ts';
import { type ScoreKind, scoreKinds } from './scores.ts';

/** A head as heads.json and the authors' published files have it. */
interface StoredHead {
  readonly layer: number;
  readonly head_idx: number;
  readonly score: number;
  readonly standard_error?: number;
}

export type StoredHeads = Readonly<Record<ScoreKind, readonly StoredHead[]>>;

/** The best first. */
export function toStored(scores: Readonly<Record<ScoreKind, readonly ScoredHead[]>>): StoredHeads {
  const stored = (kind: ScoreKind) =>
    [...scores[kind]]
      .sort((a, b) => b.score - a.score)
      .map(({ layer, head, score, standardError }) => ({
        layer,
        head_idx: head,
        score,
        ...(standardError !== undefined && { standard_error: standardError }),
      }));
  return { concept: stored('concept'), token: stored('token') };
}

/**
 * Reads heads.json: lists `concept` and `token` of {layer, head_idx, score}.
 * @throws CriaError when it has another form, or does not belong to a model of these layers and heads.
 */
export function readHeads(path: string, config: Config): Record<ScoreKind, ScoredHead[]> {
  const read = readJson(path) as Partial<Record<ScoreKind, unknown>> | null;
  const of = (kind: ScoreKind): ScoredHead[] => {
    const list = read?.[kind];
    if (!Array.isArray(list)) {
      const remedy = 'use the heads.json of an output of cria lens';
      throw new CriaError(`has no list of ${kind} heads`, { where: path, remedy });
    }
    return list.map((each, i) => headOf(each, `${path}: ${kind} head ${i + 1}`, config));
  };
  const heads = { concept: of('concept'), token: of('token') };
  for (const kind of scoreKinds) {
    const all = config.layers * config.heads;
    const found = new Set(heads[kind].map(nameOf)).size;
    if (found === all && heads[kind].length === all) continue;
    throw new CriaError(`scores ${found} ${kind} heads, and the model has ${allHeads(config).length}`, {
      where: path,
      remedy: 'score this model',
    });
  }
  return heads;
}

function headOf(each: unknown, where: string, { layers, heads }: Config): ScoredHead {
  const { layer, head_idx: head, score, standard_error: error } = (each ?? {}) as Partial<StoredHead>;
  const isPlace = (value: unknown, most: number): value is number =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) < most;
  if (isPlace(layer, layers) && isPlace(head, heads) && typeof score === 'number' && Number.isFinite(score)) {
    return { layer, head, score, ...(typeof error === 'number' && { standardError: error }) };
  }
  throw new CriaError(`is no {layer, head_idx, score} of ${layers} layers of ${heads} heads`, { where });
}
