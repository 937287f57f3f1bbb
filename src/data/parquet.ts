import { type FileHandle, open } from 'node:fs/promises';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { AsyncBuffer, ColumnMetaData, Compressors, RowGroup, SchemaTree } from 'hyparquet';
import { CriaError, messageOf, readError } from '../base/index.ts';

const mostBytes = 2 ** 30; // of one row group, packed or not
const mostValues = 2 ** 24; // of one column in it

/**
 * The rows of a parquet file, one row group at a time in memory. Whole numbers that a double holds are numbers.
 * @throws CriaError when it cannot be read, is not parquet, needs more than 1 GiB for a row group, or is packed in
 * a way that is not read: zstd, LZO, LZ4, and texts as differences (DELTA_BYTE_ARRAY).
 */
export async function* parquetRows(path: string): AsyncGenerator<Readonly<Record<string, unknown>>> {
  const { parquetMetadataAsync, parquetRead, parquetSchema } = await import('hyparquet');
  let handle: FileHandle | undefined;
  try {
    handle = await open(path);
    const file = await bufferOf(handle);
    const metadata = await parquetMetadataAsync(file, { geoparquet: false });
    const schema = parquetSchema(metadata);
    const names = schema.children.map(({ element }) => element.name);
    const columns = leavesOf(schema);
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      checkColumns(group, columns);
      await checkGroup(group, file);
      const rowEnd = rowStart + Number(group.num_rows);
      let rows: unknown[][] = [];
      const onComplete = (read: unknown[][]) => {
        rows = read;
      };
      await parquetRead({ file, metadata, rowStart, rowEnd, compressors, geoparquet: false, onComplete });
      rowStart = rowEnd;
      for (const row of rows) yield Object.fromEntries(names.map((name, i) => [name, plain(row[i] ?? null)]));
    }
  } catch (error) {
    throw asError(error, path);
  } finally {
    await handle?.close();
  }
}

/** Ranges of the file, each checked before its memory is taken. */
async function bufferOf(handle: FileHandle): Promise<AsyncBuffer> {
  const { size } = await handle.stat();
  return {
    byteLength: size,
    async slice(start, end = size) {
      if (!(start >= 0 && start <= end && end <= size))
        throw new CriaError(`ends before byte ${end}: bytes ${start} to ${end} are missing`);
      if (end - start > mostBytes) throw tooLarge(`${end - start} bytes`);
      const bytes = new Uint8Array(end - start);
      await handle.read(bytes, 0, bytes.length, start);
      return bytes.buffer;
    },
  };
}

/** The paths of the columns that hold values. */
function leavesOf({ children, path }: SchemaTree): string[] {
  return children.length === 0 ? [JSON.stringify(path)] : children.flatMap(leavesOf);
}

/** Refuses columns beside the schema: the reader would not wait for them, and their errors would end the process. */
function checkColumns({ columns }: RowGroup, expected: readonly string[]): void {
  const paths = columns.map(({ meta_data }) => JSON.stringify(meta_data?.path_in_schema));
  const isSound = paths.length === expected.length && paths.every((path, i) => path === expected[i]);
  if (!isSound || new Set(paths).size < paths.length)
    throw new CriaError('has columns that its schema does not declare');
}

/**
 * Refuses a row group that would take more memory than it should, by what its page headers say: the reader believes
 * them, so that a few bytes that stand for very many values would end the process.
 */
async function checkGroup(group: RowGroup, file: AsyncBuffer): Promise<void> {
  let bytes = 0;
  for (const { meta_data } of group.columns) {
    if (!meta_data) throw new CriaError('has a column stored in another file, which is not supported');
    const pages = await pagesOf(meta_data, file);
    for (const count of [group.num_rows, meta_data.num_values, pages.values]) {
      if (count > mostValues) throw tooLarge(`${count} values of ${meta_data.path_in_schema.join('.')}`);
    }
    bytes += pages.bytes;
    if (bytes > mostBytes) throw tooLarge(`${bytes} bytes`);
  }
}

/** How many values and unpacked bytes the pages of a column hold. */
async function pagesOf(column: ColumnMetaData, file: AsyncBuffer): Promise<{ values: number; bytes: number }> {
  const { parquetHeader } = await import('hyparquet/src/column.js');
  const start = Number(column.dictionary_page_offset || column.data_page_offset);
  const reader = {
    view: new DataView(await file.slice(start, start + Number(column.total_compressed_size))),
    offset: 0,
  };
  let [values, bytes] = [0, 0];
  while (reader.offset < reader.view.byteLength - 1) {
    const { compressed_page_size, uncompressed_page_size, ...header } = parquetHeader(reader);
    const page = header.data_page_header ?? header.data_page_header_v2 ?? header.dictionary_page_header;
    if (!page || !(compressed_page_size >= 0 && uncompressed_page_size >= 0 && page.num_values >= 0)) {
      throw new CriaError('has a page without a size');
    }
    // Each such text may be nearly as long as all before it: a thousand bytes can stand for a billion.
    if (page.encoding === 'DELTA_BYTE_ARRAY')
      throw new CriaError('has strings encoded as DELTA_BYTE_ARRAY, which is not supported', { remedy: rewrite });
    reader.offset += compressed_page_size;
    values += page.num_values;
    bytes += uncompressed_page_size;
  }
  return { values, bytes };
}

/** Besides snappy, which the reader has. */
const compressors: Compressors = {
  GZIP: (packed, length) => gunzipSync(packed, { maxOutputLength: Math.max(1, length) }),
  BROTLI: (packed, length) => brotliDecompressSync(packed, { maxOutputLength: Math.max(1, length) }),
};

const rewrite = "write it again, with compression 'snappy' and pyarrow's defaults";

function tooLarge(amount: string): CriaError {
  return new CriaError(`has a row group of ${amount}, more than cria reads at once`, {
    remedy: 'write it again with smaller row groups',
  });
}

/** Whole numbers as numbers, in lists and objects too. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null || value instanceof Date || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}

function asError(error: unknown, path: string): CriaError {
  if (error instanceof CriaError) return new CriaError(error.what, { where: path, remedy: error.remedy });
  if ((error as NodeJS.ErrnoException)?.syscall) return readError(error, path);
  const codec = /unsupported compression codec: (\w+)/.exec(messageOf(error))?.[1];
  if (codec)
    return new CriaError(`is compressed with ${codec}, which is not supported`, {
      where: path,
      remedy: rewrite,
      cause: error,
    });
  return new CriaError(`is not valid parquet: ${messageOf(error)}`, { where: path, cause: error });
}
