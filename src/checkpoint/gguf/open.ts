import { CriaError } from '../../base/index.ts';
import { allocate, checkedRows, decodeRows, type Rows, rowBytesOf } from '../blocks/rows.ts';
import { encodeStored } from '../blocks/stored.ts';
import { openRanges, type RangeFile } from '../ranges.ts';
import { tensorNamed } from '../safetensors.ts';
import { placeOf } from '../safetensors-header.ts';
import type { Checkpoint, StoredTensor } from '../types.ts';
import {
  type Architecture,
  architectureOfGguf,
  interleavedRows,
  isShifted,
  toHuggingFaceName,
} from './architecture.ts';
import { configOf, generationOf } from './config.ts';
import { type GgufHeader, readHeader } from './header.ts';
import { deinterleave } from './interleave.ts';

/** A tensor under its Hugging Face name, and how its bytes differ from that layout. */
interface RenamedTensor extends StoredTensor {
  /** Rows of each head, whose order in the file is interleaved. */
  readonly headRows?: number;
  /** Whether 1 has been added to its values. */
  readonly shifted: boolean;
}

const factorTensors = ['rope_freqs.weight', 'rope_factors_long.weight', 'rope_factors_short.weight'];
const mostFactorBytes = 2 ** 16;

/**
 * Opens a GGUF file as a checkpoint with Hugging Face's names, row order and configuration; its tensors are read
 * when asked for.
 * @throws CriaError when the header is not sound, or the architecture or one of its tensors is not known.
 */
export function openGguf(path: string): Checkpoint {
  const files = new Map<string, RangeFile>();
  const opened = (part: string): GgufHeader => {
    const file = openRanges(part);
    files.set(part, file);
    return readHeader(file);
  };
  try {
    const header = opened(path);
    return checkpointOf(files, joinedParts(path, header, opened));
  } catch (error) {
    for (const file of files.values()) file.close();
    throw error;
  }
}

const partName = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;

/**
 * The header of a file, with the tensors of all parts where it is one of several (llama-gguf-split): the first part's values
 * are the model's.
 * @throws CriaError when a part is missing, or they do not belong together.
 */
function joinedParts(path: string, header: GgufHeader, open: (part: string) => GgufHeader): GgufHeader {
  const count = header.values.get('split.count');
  if (typeof count !== 'number' || count <= 1) return header;
  const [, stem, , stated] = partName.exec(path) ?? [];
  if (stem === undefined || Number(stated) !== count) {
    const remedy = 'rename the parts to their original names, …-00001-of-0000N.gguf';
    throw new CriaError(`is one of ${count} parts of a model, but its name does not say which`, {
      where: path,
      remedy,
    });
  }
  const nameOf = (part: number) => `${stem}-${String(part).padStart(5, '0')}-of-${stated}.gguf`;
  const headers = Array.from({ length: count }, (_, i) => (nameOf(i + 1) === path ? header : open(nameOf(i + 1))));
  const tensors = new Map(headers.flatMap((each) => [...each.tensors]));
  const [first] = headers as [GgufHeader];
  const total = first.values.get('split.tensors.count') ?? tensors.size;
  const single = headers.reduce((sum, each) => sum + each.tensors.size, 0);
  if (tensors.size !== single || tensors.size !== total) {
    const what = `its ${count} parts hold ${single} tensors, ${tensors.size} of them different, in place of ${total}`;
    throw new CriaError(what, { where: path, remedy: 'download all parts of one model again' });
  }
  return { ...first, tensors };
}

function checkpointOf(files: ReadonlyMap<string, RangeFile>, header: GgufHeader): Checkpoint {
  const path = [...files.keys()][0] as string;
  const fileOf = ({ file }: StoredTensor) => files.get(file) as RangeFile;
  const { values } = header;
  const architecture = architectureOfGguf(values, path);
  const factors = (name: string) => {
    const tensor = header.tensors.get(name);
    if (!tensor) return undefined;
    if (tensor.bytes > mostFactorBytes) {
      throw new CriaError(`its ${tensor.bytes} bytes do not hold RoPE factors`, { where: placeOf(path, name) });
    }
    return readFloat32(fileOf(tensor), { ...tensor, shifted: false });
  };
  const config = configOf({ path, architecture, values, tensors: header.tensors, factors });
  const tensors = renamed(header, architecture, config, path);
  return {
    path,
    format: 'gguf',
    config,
    tensors,
    tokenizer: { kind: 'gguf', metadata: values, path },
    generation: generationOf(values),
    readFloat32(name, options) {
      const tensor = tensorNamed(tensors, name, path);
      return readFloat32(fileOf(tensor), tensor, options);
    },
    readBytes(name, options) {
      const tensor = tensorNamed(tensors, name, path);
      return readBytes(fileOf(tensor), tensor, options);
    },
    close() {
      for (const file of files.values()) file.close();
    },
  };
}

function renamed(
  header: GgufHeader,
  architecture: Architecture,
  config: Record<string, unknown>,
  path: string,
): Map<string, RenamedTensor> {
  const tensors = new Map<string, RenamedTensor>();
  for (const tensor of header.tensors.values()) {
    if (factorTensors.includes(tensor.name)) continue; // they are part of the configuration
    const where = placeOf(path, tensor.name);
    const name = toHuggingFaceName(architecture, tensor.name);
    if (!name) {
      throw new CriaError(`the architecture ${architecture.name} has no such tensor`, {
        where,
        remedy: 'mixtures of experts and adapters in GGUF are not supported',
      });
    }
    const headRows = interleavedRows(architecture, { name, shape: tensor.shape }, config, where);
    tensors.set(name, { ...tensor, name, headRows, shifted: isShifted(architecture, name) });
  }
  return tensors;
}

function readFloat32(
  file: RangeFile,
  tensor: RenamedTensor,
  options: { rows?: Rows; into?: Float32Array } = {},
): Float32Array {
  const unit = tensor.headRows ?? 1; // so that whole heads are read once
  const values = decodeRows(tensor, { ...options, unit }, (from, to) => storedRows(file, tensor, from, to));
  if (tensor.shifted) for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) - 1;
  return values;
}

function readBytes(
  file: RangeFile,
  tensor: RenamedTensor,
  { rows, room }: { rows?: Rows; room?: Uint8Array } = {},
): Uint8Array {
  if (tensor.shifted)
    return encodeStored(tensor.type, readFloat32(file, tensor, { rows }), placeOf(tensor.file, tensor.name));
  return storedRows(file, tensor, ...checkedRows(tensor, rows), room);
}

/** The bytes of rows [from, to) of the Hugging Face order: whole heads are read and put in order. */
function storedRows(
  file: RangeFile,
  tensor: RenamedTensor,
  from: number,
  to: number,
  room: Uint8Array = new Uint8Array(),
): Uint8Array {
  const rowBytes = rowBytesOf(tensor);
  const head = tensor.headRows ?? 1;
  const first = Math.floor(from / head) * head;
  const size = (Math.ceil(to / head) * head - first) * rowBytes;
  const bytes = size <= room.length ? room.subarray(0, size) : allocate(tensor, () => new Uint8Array(size));
  file.read(tensor.offset + first * rowBytes, bytes);
  if (head === 1) return bytes;
  return deinterleave(bytes, rowBytes, head).subarray((from - first) * rowBytes, (to - first) * rowBytes);
}
