import { basename, join } from 'node:path';
import { checkpointHash, json, type Provenance, writeTexts } from '../../artifact/index.ts';
import { writeFolderAtomically } from '../../base/index.ts';
import { type TensorToWrite, writeSafetensors } from '../../checkpoint/index.ts';
import type { Rows } from '../../linalg/index.ts';
import type { LoadedModel } from '../../model/index.ts';
import { picture, writePage } from '../../report/index.ts';
import { nameOf } from './heads.ts';
import { toStored } from './heads-file.ts';
import { headMaps, lensPage } from './report.ts';
import type { Lens, LensResult } from './result.ts';
import { type ScoreKind, scoreKinds } from './scores.ts';

/**
 * Writes what a run has found, whole or not at all: heads.json and its picture heads.svg, results.json, the lenses as
 * safetensors, report.html, cria.json.
 * @throws CriaError when something stands at `path` and `force` is not set, or it cannot be written.
 */
export async function writeLensFolder(
  path: string,
  model: LoadedModel,
  result: LensResult,
  provenance: Provenance,
  force: boolean,
): Promise<void> {
  const { scores, lenses, ...rest } = result;
  const summaries = scoreKinds.map((kind) => {
    const { heads: _, ...summary } = scores[kind];
    return [kind, summary];
  });
  const texts: Record<string, string> = {
    'heads.json': `${JSON.stringify(toStored({ concept: scores.concept.heads, token: scores.token.heads }))}\n`,
    'results.json': `${JSON.stringify({ ...rest, scores: Object.fromEntries(summaries) })}\n`,
    'heads.svg': await picture(headMaps(result)),
    'cria.json': json(provenance),
  };
  const fingerprint = provenance.inputs[provenance.source] ?? (await checkpointHash(model.checkpoint));
  await writeFolderAtomically(path, force, async (folder) => {
    await writeTexts(folder, texts);
    await writePage(
      join(folder, 'report.html'),
      lensPage(result, `Concept and token heads of ${basename(model.path)}`),
    );
    for (const kind of scoreKinds) {
      const metadata = metadataOf(kind, lenses[kind], result.foldNorm, fingerprint);
      await writeSafetensors(join(folder, `${kind}.safetensors`), tensorsOf(lenses[kind]), metadata);
    }
  });
}

/** L [width, width], or U [width, rank] and W [rank, width] with L = U W. */
function tensorsOf({ matrix, factors }: Lens): TensorToWrite[] {
  const tensor = (name: string, { rows, columns, data }: Rows): TensorToWrite => ({
    name,
    shape: [rows, columns],
    type: 'F32',
    bytes: () => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  });
  return factors ? [tensor('U', factors.out), tensor('W', factors.value)] : [tensor('L', matrix)];
}

function metadataOf(
  kind: ScoreKind,
  { heads, matrix, factors }: Lens,
  foldNorm: boolean,
  model: string,
): Record<string, string> {
  return {
    kind,
    model,
    heads: heads.map(nameOf).join(' '),
    k: String(heads.length),
    rank: String(factors?.value.rows ?? matrix.rows),
    norm_folded: String(foldNorm),
  };
}
