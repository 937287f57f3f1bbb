import { CriaError, closing, type Settings } from '../../base/index.ts';
import { openSafetensors, type SafetensorsFile, type TensorToWrite, writeSafetensors } from '../../checkpoint/index.ts';
import type { InputGroup } from './groups.ts';
import type { Pca } from './incremental-pca.ts';

/** All that a run knows after some batches: it can go on from here, or share other ranks without reading anything. */
export interface EvaState {
  readonly batches: number;
  /** By group, in the order of the model; undefined before its first batch. */
  readonly groups: readonly (Pca | undefined)[];
}

interface Header {
  readonly batches: number;
  readonly settings: Settings;
  /** By the name of the group. */
  readonly groups: Readonly<Record<string, Pick<Pca, 'seen' | 'spread' | 'converged'>>>;
}

const nameOf = ({ layer, path }: InputGroup): string => `layers.${layer}.${path}`;

/** Writes a state, whole or not at all. */
export async function writeState(
  path: string,
  state: EvaState,
  groups: readonly InputGroup[],
  settings: Settings,
): Promise<void> {
  const known = groups.flatMap((group, i) => {
    const pca = state.groups[i];
    return pca ? [{ name: nameOf(group), pca }] : [];
  });
  const header: Header = {
    batches: state.batches,
    settings,
    groups: Object.fromEntries(
      known.map(({ name, pca: { seen, spread, converged } }) => [name, { seen, spread, converged }]),
    ),
  };
  const tensors = known.flatMap(({ name, pca }): TensorToWrite[] => {
    const { rows, columns, data } = pca.components;
    return [
      { name: `${name}:mean`, shape: [columns], type: 'F64', bytes: () => bytesOf(pca.mean) },
      { name: `${name}:values`, shape: [rows], type: 'F64', bytes: () => bytesOf(pca.values) },
      { name: `${name}:components`, shape: [rows, columns], type: 'F32', bytes: () => bytesOf(data) },
    ];
  });
  await writeSafetensors(path, tensors, { eva: JSON.stringify(header) });
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Float64Array) =>
  new Uint8Array(buffer, byteOffset, byteLength);

/**
 * Reads a state, what it was made with, and its groups, which `groupsOf` tells from that.
 * @throws CriaError when it is not sound, or of other inputs than the groups.
 */
export function readState(
  path: string,
  groupsOf: (settings: Settings) => readonly InputGroup[],
): { state: EvaState; settings: Settings; groups: readonly InputGroup[] } {
  return closing(openSafetensors(path), (file) => {
    const { batches, settings, groups: told } = headerOf(file);
    const groups = groupsOf(settings);
    const found = groups.map((group) => {
      const own = told[nameOf(group)];
      return own && pcaIn(file, group, own);
    });
    if (Object.keys(told).length !== found.filter(Boolean).length) throw unsound(path, 'is of other targets');
    return { state: { batches, groups: found }, settings, groups };
  });
}

function headerOf({ path, metadata }: SafetensorsFile): Header {
  try {
    const header = JSON.parse(metadata.eva ?? '') as Header;
    if (Number.isSafeInteger(header.batches) && header.settings && header.groups) return header;
  } catch {
    // said below
  }
  throw unsound(path, 'holds no state of EVA');
}

function pcaIn(file: SafetensorsFile, group: InputGroup, told: Header['groups'][string]): Pca {
  const name = nameOf(group);
  const [rows = 0, columns] = file.tensors.get(`${name}:components`)?.shape ?? [];
  const { seen, spread, converged } = told;
  const isSound = [seen, spread].every(Number.isFinite) && Array.isArray(converged) && converged.length === rows;
  if (columns !== group.width || !isSound) throw unsound(file.path, `does not fit ${name}`);
  return {
    seen,
    spread,
    converged: converged.map(Boolean),
    mean: doublesIn(file, `${name}:mean`, columns),
    values: doublesIn(file, `${name}:values`, rows),
    components: { rows, columns, data: file.readFloat32(`${name}:components`) },
  };
}

function doublesIn(file: SafetensorsFile, name: string, length: number): Float64Array {
  const { shape, type } = file.tensors.get(name) ?? {};
  if (type !== 'F64' || String(shape) !== String(length)) throw unsound(file.path, `has no sound ${name}`);
  return new Float64Array(file.readBytes(name).slice().buffer);
}

const unsound = (where: string, what: string) =>
  new CriaError(what, { where, remedy: 'begin again without it, with the same model and targets' });
