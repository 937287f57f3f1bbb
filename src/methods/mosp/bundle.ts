import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { checkpointHash } from '../../artifact/index.ts';
import { CriaError, type Watch } from '../../base/index.ts';
import { type Checkpoint, openSafetensors, type SafetensorsFile, writeSafetensors } from '../../checkpoint/index.ts';
import { readJson, readText } from '../../data/index.ts';
import type { BlockStore } from './block-store.ts';
import type { Target } from './matrices.ts';
import { sparsityFrom, sparsityText } from './pattern.ts';
import type { LayerLine, Pareto } from './result.ts';
import { type PrunedMatrix, readMatrix } from './weight-sets.ts';

/** What a bundle says about itself, in the metadata of its file. */
export interface BundleHeader {
  readonly version: 1;
  /** The model that it was made of. */
  readonly base: { readonly id: string; readonly path: string; readonly sha256: string };
  readonly objectives: readonly string[];
  readonly alpha: number;
  readonly power: number;
  readonly matrices: readonly (Omit<Target, 'sparsity' | 'input' | 'type'> & { readonly sparsity: string })[];
}

export const bundleFile = 'bundle.safetensors';
const key = 'mosp';

/** Writes the bundle of a finished run: every set of weights of every matrix, without the zeros. */
export function writeBundle(
  path: string,
  store: BlockStore,
  targets: readonly Target[],
  header: Omit<BundleHeader, 'version' | 'matrices'>,
): Promise<void> {
  const matrices = targets.map(({ name, rows, columns, sparsity }) => {
    return { name, rows, columns, sparsity: sparsityText(sparsity) };
  });
  const tensors = store.tensors().filter(({ name }) => !name.includes(':point:'));
  return writeSafetensors(path, tensors, { [key]: JSON.stringify({ version: 1, ...header, matrices }) });
}

/** An opened bundle. */
export interface Bundle extends Omit<BundleHeader, 'matrices'> {
  readonly path: string;
  readonly targets: readonly Pick<Target, 'name' | 'rows' | 'columns' | 'sparsity'>[];
  matrix(name: string): PrunedMatrix;
  close(): void;
}

/** Opens a bundle, or that in the folder of a front. @throws CriaError when it is not one. */
export function openBundle(given: string): Bundle {
  const path = statSync(given, { throwIfNoEntry: false })?.isDirectory() ? join(given, bundleFile) : given;
  if (!existsSync(path))
    throw new CriaError('holds no bundle', { where: given, remedy: 'use what cria mosp has written' });
  const file = openSafetensors(path);
  try {
    const { matrices, ...header } = headerOf(file);
    const targets = matrices.map(({ sparsity, ...place }) => ({ ...place, sparsity: sparsityFrom(sparsity) }));
    const shapes = new Map(targets.map(({ name, rows, columns }) => [name, [rows, columns] as const]));
    return {
      ...header,
      path,
      targets,
      matrix: (name) => readMatrix(file, name, shapes.get(name) as readonly [number, number], header.objectives),
      close: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

function headerOf(file: SafetensorsFile): BundleHeader {
  const unsound = new CriaError('is not a bundle of cria mosp', { where: file.path });
  let header: BundleHeader;
  try {
    header = JSON.parse(file.metadata[key] ?? '') as BundleHeader;
  } catch {
    throw unsound;
  }
  const { version, base, objectives, alpha, power, matrices } = header;
  const isText = (value: unknown): value is string => typeof value === 'string';
  const isSize = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) > 0;
  const sound =
    version === 1 &&
    [base?.id, base?.path, base?.sha256].every(isText) &&
    Array.isArray(objectives) &&
    objectives.length > 0 &&
    objectives.every(isText) &&
    [alpha, power].every(Number.isFinite) &&
    Array.isArray(matrices) &&
    matrices.every(
      ({ name, rows, columns, sparsity }) => isText(name) && isSize(rows) && isSize(columns) && isText(sparsity),
    );
  if (!sound) throw unsound;
  return header;
}

/** @throws CriaError when the checkpoint is not the model that the bundle was made of. */
export async function checkBase({ base, path, targets }: Bundle, checkpoint: Checkpoint, watch: Watch): Promise<void> {
  const hash = await checkpointHash(checkpoint, watch);
  const fits = targets.every(
    ({ name, rows, columns }) => String(checkpoint.tensors.get(name)?.shape) === `${rows},${columns}`,
  );
  if (hash === base.sha256 && fits) return;
  throw new CriaError(`is not the model that ${path} was made of`, {
    where: checkpoint.path,
    remedy: `use ${base.id} as it was then`,
  });
}

/** What the folder of a front, or that of its bundle, says about it. @throws CriaError when there is no front. */
export function readFront(given: string): { pareto: Pareto; lines: readonly LayerLine[] } {
  const folder = statSync(given, { throwIfNoEntry: false })?.isDirectory() ? given : dirname(given);
  const [manifest, layers] = [join(folder, 'pareto.json'), join(folder, 'layers.jsonl')];
  for (const path of [manifest, layers]) {
    if (!existsSync(path)) {
      throw new CriaError('is missing', { where: path, remedy: 'use the folder that cria mosp has written' });
    }
  }
  const pareto = readJson(manifest) as Pareto;
  if (
    pareto?.method !== 'mosp' ||
    pareto.schema !== 1 ||
    !Array.isArray(pareto.points) ||
    !Array.isArray(pareto.objectives)
  ) {
    throw new CriaError('is not the manifest of a front', { where: manifest });
  }
  try {
    const lines = readText(layers).split('\n').filter(Boolean);
    return { pareto, lines: lines.map((line) => JSON.parse(line) as LayerLine) };
  } catch (cause) {
    throw new CriaError('is not lines of JSON', { where: layers, cause });
  }
}
