import { join } from 'node:path';
import { json, type Provenance, writeTexts } from '../../artifact/index.ts';
import { writeFolderAtomically } from '../../base/index.ts';
import { type Page, writePage } from '../../report/index.ts';
import type { Evaluation } from './evaluate.ts';
import type { PolicyFile } from './policy-file.ts';

interface Writing {
  readonly provenance: Provenance;
  readonly force: boolean;
}

/** One object a line. */
export const jsonLines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

/** Writes a policy whole or not at all: policy.json, cria.json and, where there is one, the page of its making. */
export async function writePolicyFolder(
  path: string,
  policy: PolicyFile,
  page: Page | undefined,
  { provenance, force }: Writing,
): Promise<void> {
  await writeFolderAtomically(path, force, async (folder) => {
    await writeTexts(folder, { 'policy.json': json(policy), 'cria.json': json(provenance) });
    if (page) await writePage(join(folder, 'report.html'), page);
  });
}

/** Writes an evaluation: its figures, the rows that give them, and the page. */
export async function writeEvaluationFolder(
  path: string,
  { items, ...figures }: Evaluation,
  page: Page,
  { provenance, force }: Writing,
): Promise<void> {
  await writeFolderAtomically(path, force, async (folder) => {
    const texts = { 'rows.jsonl': jsonLines(items), 'evaluation.json': json(figures), 'cria.json': json(provenance) };
    await writeTexts(folder, texts);
    await writePage(join(folder, 'report.html'), page);
  });
}
