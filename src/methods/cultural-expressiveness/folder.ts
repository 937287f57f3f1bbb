import { join } from 'node:path';
import { json, type Provenance, writeTexts } from '../../artifact/index.ts';
import { writeFolderAtomically } from '../../base/index.ts';
import { type Page, type Part, picture, writePage } from '../../report/index.ts';
import type { Dataset } from './dataset.ts';
import { promptfooRows } from './promptfoo.ts';
import { culturePage, findingsPage, meansChart } from './report.ts';
import type { CultureResult, Findings } from './run.ts';
import type { Score } from './score.ts';

/**
 * Writes what a run has found, whole or not at all: scores.jsonl, tests.json, quality.json, systems.json,
 * promptfoo.jsonl, report.html, a picture, cria.json.
 * @throws CriaError when something stands at `path` and `force` is not set, or it cannot be written.
 */
export async function writeCultureFolder(
  path: string,
  data: Dataset,
  result: CultureResult,
  provenance: Provenance,
  force: boolean,
): Promise<void> {
  const { systems, quality, encoder, usability, withoutKeywords, weights, stability } = result;
  const texts = {
    'scores.jsonl': lines(result.scores),
    'tests.json': json(result.tests),
    'quality.json': json({ systems: quality, withoutConsent: data.withoutConsent }),
    'systems.json': json({ systems, encoder, usability, weights, withoutKeywords, stability }),
    'promptfoo.jsonl': lines(promptfooRows(data, result.scores)),
    'cria.json': json(provenance),
  };
  await write(path, texts, culturePage(data, result), meansChart(result), force);
}

/** Writes what follows from scores: tests.json, systems.json, report.html, a picture, cria.json. */
export async function writeReportFolder(
  path: string,
  scores: readonly Score[],
  found: Findings,
  provenance: Provenance,
  force: boolean,
): Promise<void> {
  const texts = {
    'tests.json': json(found.tests),
    'systems.json': json({ systems: found.systems, stability: found.stability }),
    'cria.json': json(provenance),
  };
  await write(path, texts, findingsPage(scores, found), meansChart(found), force);
}

export const lines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

async function write(
  path: string,
  texts: Readonly<Record<string, string>>,
  page: Page,
  chart: Extract<Part, { kind: 'bars' }>,
  force: boolean,
): Promise<void> {
  const drawn = await picture(chart);
  await writeFolderAtomically(path, force, async (folder) => {
    await writeTexts(folder, { ...texts, 'systems.svg': drawn });
    await writePage(join(folder, 'report.html'), page);
  });
}
