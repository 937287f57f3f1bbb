import { CriaError } from '../../base/index.ts';
import { type Row, readRows } from '../../data/index.ts';
import { numberOf, optionalText, textOf, textsOf } from './fields.ts';
import type { Score } from './score.ts';

/**
 * The scores of a `scores.jsonl`, whoever made it: qid, system, s_sys, s_ref, ds, and kf, ss and ce, which may be null.
 * Rows of a training are told apart by their split, as systems of their own.
 * @throws CriaError about the row that is not sound, or is there twice.
 */
export async function readScores(path: string): Promise<Score[]> {
  const scores: Score[] = [];
  const seen = new Set<string>();
  for await (const row of readRows(path)) {
    const score = scoreIn(row);
    const key = JSON.stringify([score.qid, score.system]);
    if (seen.has(key)) {
      throw new CriaError(`scores ${score.system} on ${score.qid} twice`, { where: row.where, remedy: 'keep one' });
    }
    seen.add(key);
    scores.push(score);
  }
  if (scores.length === 0) throw new CriaError('holds no scores', { where: path });
  return scores;
}

const unit = [0, 1] as const;
const signed = [-1, 1] as const;

function scoreIn(row: Row): Score {
  const split = optionalText(row, 'split');
  const system = textOf(row, 'system');
  const [s_sys, s_ref] = [numberOf(row, 's_sys', signed), numberOf(row, 's_ref', signed)];
  const { lv, flags, ss_sets } = row.values;
  return {
    qid: textOf(row, 'qid'),
    system: split === undefined ? system : `${system} (${split})`,
    ...{ s_sys, s_ref, b: s_sys - s_ref },
    ds: numberOf(row, 'ds', unit),
    kf: nullable(row, 'kf'),
    ss: nullable(row, 'ss'),
    ce: nullable(row, 'ce'),
    ce_without_ss: nullable(row, 'ce_without_ss'),
    ce_ext: nullable(row, 'ce_ext'),
    ss_max: nullable(row, 'ss_max') ?? nullable(row, 'ss'),
    ss_sets: isRecord(ss_sets) ? (ss_sets as Record<string, number>) : {},
    density: numberOf(row, 'density', [0, 1e6], 0),
    words: numberOf(row, 'words', [0, 1e9], 0),
    lv: (isRecord(lv) ? lv : {}) as Score['lv'],
    lang: optionalText(row, 'lang') ?? null,
    country: textsOf(row, 'country'),
    flags: (Array.isArray(flags) ? flags : []) as Score['flags'],
  };
}

/** A share that may be missing: null, or not there. */
function nullable(row: Row, name: string): number | null {
  const value = row.values[name];
  return value === undefined || value === null ? null : numberOf(row, name, unit);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
