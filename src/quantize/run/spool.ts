import type { Replacements } from '../../artifact/index.ts';
import { closing, notOfARun, type RunState } from '../../base/index.ts';
import {
  type BlockCodes,
  type Codes,
  type NestedAbsmax,
  type Nf4Codes,
  openSafetensors,
  type SafetensorsFile,
  type StoredType,
  type TensorToWrite,
  type UniformCodes,
  writeSafetensors,
} from '../../checkpoint/index.ts';
import type { TensorResult } from './result.ts';

/** What a part of the model (a block, or its ends) became: codes of matrices, new values of vectors. */
export interface FinishedPart {
  readonly replaced: ReadonlyMap<string, Codes | Float32Array>;
  readonly results: readonly TensorResult[];
}

/** The finished parts of a run, kept with its state: memory holds one part. */
export interface Spool {
  /** The results of a part that is finished already, or undefined. */
  resultsOf(part: string): readonly TensorResult[] | undefined;
  /** What a finished part became. */
  readPart(part: string): FinishedPart['replaced'];
  save(part: string, finished: FinishedPart): Promise<void>;
  /** The codes and values of all parts. */
  replacements(): Replacements & { close(): void };
}

/** The file of a part in the state of a run. */
export const fileOf = (part: string): string => `${part}.safetensors`;

/** Opens the spool of `parts` in the state of a run. */
export function openSpool(state: RunState, parts: readonly string[]): Spool {
  const pathOf = (part: string) => state.path(fileOf(part));
  return {
    resultsOf(part) {
      if (!state.has(fileOf(part))) return undefined;
      return closing(openSafetensors(pathOf(part)), headerOf).results;
    },
    readPart(part) {
      return closing(openSafetensors(pathOf(part)), (file) => {
        return new Map(Object.entries(headerOf(file).codes).map(([name, told]) => [name, restored(name, told, file)]));
      });
    },
    async save(part, { replaced, results }) {
      const entries = [...replaced].map(([name, replacement]) => stored(name, replacement));
      const header: Header = { results, codes: Object.fromEntries(entries.map(({ name, told }) => [name, told])) };
      const tensors = entries.flatMap((entry) => entry.tensors);
      await writeSafetensors(pathOf(part), tensors, { quantize: JSON.stringify(header) });
    },
    replacements() {
      const files = parts.filter((part) => state.has(fileOf(part))).map((part) => openSafetensors(pathOf(part)));
      const places = new Map(
        files.flatMap((file) => Object.entries(headerOf(file).codes).map(([name, told]) => [name, { file, told }])),
      );
      const placeOf = (name: string) => {
        const place = places.get(name);
        if (!place) throw new Error(`${name} is not replaced`);
        return place;
      };
      return {
        has: (name) => places.has(name),
        ggufType(name): StoredType | undefined {
          const told = places.get(name)?.told;
          return told && (told.kind === 'blocks' ? told.type : 'F32');
        },
        read(name) {
          const { file, told } = placeOf(name);
          return restored(name, told, file);
        },
        close() {
          for (const file of files) file.close();
        },
      };
    },
  };
}

/** Codes without their arrays. */
type Told =
  | Omit<UniformCodes, 'codes' | 'scales' | 'zeros' | 'groupOf'>
  | (Omit<Nf4Codes, 'codes' | 'absmax' | 'nested'> & { readonly offset?: number })
  | Omit<BlockCodes, 'bytes'>
  | { readonly kind: 'values' };

interface Header {
  readonly results: readonly TensorResult[];
  readonly codes: Readonly<Record<string, Told>>;
}

function headerOf(file: SafetensorsFile): Header {
  try {
    const header = JSON.parse(file.metadata.quantize ?? '') as Header;
    if (Array.isArray(header.results) && header.codes) return header;
  } catch {
    // said below
  }
  throw notOfARun(file.path);
}

function stored(
  name: string,
  replacement: Codes | Float32Array,
): { name: string; told: Told; tensors: TensorToWrite[] } {
  if (replacement instanceof Float32Array) {
    return { name, told: { kind: 'values' }, tensors: [tensor(name, 'values', replacement)] };
  }
  if (replacement.kind === 'blocks') {
    const { bytes, ...told } = replacement;
    return { name, told, tensors: [tensor(name, 'bytes', bytes)] };
  }
  if (replacement.kind === 'nf4') {
    const { codes, absmax, nested, ...told } = replacement;
    const extra = nested ? [tensor(name, 'nested', nested.codes), tensor(name, 'nestedAbsmax', nested.absmax)] : [];
    return {
      name,
      told: { ...told, ...(nested && { offset: nested.offset }) },
      tensors: [tensor(name, 'codes', codes), tensor(name, 'absmax', absmax), ...extra],
    };
  }
  const { codes, scales, zeros, groupOf, ...told } = replacement;
  const groups = groupOf ? [tensor(name, 'groups', groupOf)] : [];
  return {
    name,
    told,
    tensors: [tensor(name, 'codes', codes), tensor(name, 'scales', scales), tensor(name, 'zeros', zeros), ...groups],
  };
}

function tensor(name: string, part: string, data: Float32Array | Uint8Array | Int32Array): TensorToWrite {
  const type = data instanceof Float32Array ? 'F32' : data instanceof Int32Array ? 'I32' : 'U8';
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { name: `${name}:${part}`, shape: [data.length], type, bytes: () => bytes };
}

function restored(name: string, told: Told, file: SafetensorsFile): Codes | Float32Array {
  const bytes = (part: string) => file.readBytes(`${name}:${part}`);
  const floats = (part: string) => file.readFloat32(`${name}:${part}`);
  if (told.kind === 'values') return floats('values');
  if (told.kind === 'blocks') return { ...told, bytes: bytes('bytes') };
  if (told.kind === 'nf4') {
    const { offset, ...rest } = told;
    const nested: NestedAbsmax | undefined =
      offset === undefined ? undefined : { codes: bytes('nested'), absmax: floats('nestedAbsmax'), offset };
    return { ...rest, codes: bytes('codes'), absmax: floats('absmax'), ...(nested && { nested }) };
  }
  const groups = file.tensors.has(`${name}:groups`) ? Int32Array.from(floats('groups')) : undefined;
  const arrays = { codes: bytes('codes'), scales: floats('scales'), zeros: bytes('zeros') };
  return { ...told, ...arrays, ...(groups && { groupOf: groups }) };
}
