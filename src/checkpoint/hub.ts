import type { ListFileEntry } from '@huggingface/hub';
import { CriaError, type Progress, silent } from '../base/index.ts';
import { pickled } from './folder.ts';
import { connect, type Hub } from './hub-connection.ts';
import { download, isThere, type RemoteFile } from './hub-download.ts';
import { noteWritten, placeInside, refuseReplacing, remove, removePartials, writtenIn } from './hub-folder.ts';
import { quoted } from './json.ts';

/** How `pull` does its work. */
export interface PullOptions {
  /** The folder that the files are put into. */
  readonly into: string;
  /** A branch, tag or commit; `main` by default. */
  readonly revision?: string | undefined;
  /** One weights file of the repository, such as a `.gguf`, instead of the whole checkpoint. */
  readonly file?: string | undefined;
  /** By default HF_TOKEN or HUGGING_FACE_HUB_TOKEN. */
  readonly token?: string | undefined;
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly fetch?: typeof fetch | undefined;
}

/** What of a repository makes a checkpoint: configuration, tokenizer, weights, and its terms. */
const wanted = [
  /^(config|generation_config|adapter_config)\.json$/,
  /^(tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|chat_template)\.json$/,
  /^(tokenizer\.model|merges\.txt|vocab\.txt|.*\.jinja)$/,
  /^(model|model-\d+-of-\d+|adapter_model)\.safetensors$/,
  /^model\.safetensors\.index\.json$/,
  /^(LICENSE|README)(\.\w+)?$/i,
];
/** What makes a folder a checkpoint or an adapter. */
const opening = /^(config|adapter_config)\.json$/;
const hubId = /^[\w-][\w.-]*\/[\w-][\w.-]*$/;
const mostFiles = 100_000;

/**
 * Brings a checkpoint from a Hugging Face hub (HF_ENDPOINT, else huggingface.co) into a folder. Every file is
 * compared with the checksum that the hub lists; what is already there and right is not fetched again, and a
 * file that was cut short is continued. config.json goes first and comes last, when nothing of another revision is
 * left, so that a half-pulled folder is not a checkpoint. Only what pulls have written is replaced or removed.
 * @param repo `org/name`
 * @returns the folder, or the one file that was asked for, and how many bytes the files have together.
 * @throws CriaError when the hub cannot be reached, refuses, or sends something else than it listed, or when a file
 * of the user's own stands in the way.
 */
export async function pull(repo: string, options: PullOptions): Promise<{ path: string; bytes: number }> {
  if (!hubId.test(repo)) throw new CriaError(`${quoted(repo)} is not a hub id`, { remedy: 'write it as org/name' });
  const { into, file } = options;
  if (file !== undefined && pickled.test(file)) {
    const what = 'is pickle by its name, and cria fetches none, because it can run code';
    throw new CriaError(what, { where: quoted(file), remedy: 'look for safetensors or GGUF weights' });
  }
  const hub = connect(repo, options);
  const files = chosen(await listing(hub), repo, file);
  await renew(hub, files, options);
  return { path: file === undefined ? into : placeInside(into, file), bytes: bytesOf(files) };
}

/** Brings those of `files` that the folder lacks. When none was named, no other part of an earlier pull remains. */
async function renew(hub: Hub, files: readonly RemoteFile[], options: PullOptions): Promise<void> {
  const { into, progress = silent, signal } = options;
  const whole = options.file === undefined;
  const total = bytesOf(files);
  let before = 0;
  const advance = (done: number) => progress.step('pull', before + done, total, 'bytes');
  const bring = async (remotes: readonly RemoteFile[]) => {
    for (const remote of remotes) {
      await download(hub, remote, placeInside(into, remote.path), { signal, advance });
      before += remote.size;
    }
  };

  const wrong: RemoteFile[] = [];
  for (const remote of files) {
    if (isThere(remote, placeInside(into, remote.path), signal)) before += remote.size;
    else wrong.push(remote);
    advance(0);
  }
  const earlier = new Set(writtenIn(into));
  refuseReplacing(into, wrong.map(nameOf), earlier);

  const lacking = whole && wrong.length > 0 ? [...new Set([...wrong, ...files.filter(opens)])] : wrong;
  const names = new Set(files.map(nameOf));
  const written = [...new Set([...earlier, ...lacking.map(nameOf)])];
  const isOld = (name: string) => whole && isPart(name) && !names.has(name);
  const old = written.filter(isOld);
  const kept = written.filter((name) => !isOld(name));
  before = total - bytesOf(lacking);
  if (lacking.length > 0) await noteWritten(into, written); // first, so that what is cut short is known as a pull's
  if (whole && lacking.length > 0) remove(into, written.filter(isOpening));
  await bring(lacking.filter((remote) => !opens(remote)));
  remove(into, old);
  removePartials(into, [...names, ...old]);
  if (old.length > 0) await noteWritten(into, kept);
  await bring(lacking.filter(opens));
}

const nameOf = ({ path }: RemoteFile): string => path;
const bytesOf = (files: readonly RemoteFile[]): number => files.reduce((sum, { size }) => sum + size, 0);
const isPart = (name: string): boolean => wanted.some((pattern) => pattern.test(name));
const isOpening = (name: string): boolean => opening.test(name);
const opens = ({ path }: RemoteFile): boolean => isOpening(path);

/** Every file of the repository, checked: sizes are sizes, checksums are checksums, names stay inside. */
async function listing(hub: Hub): Promise<RemoteFile[]> {
  const { listFiles } = await import('@huggingface/hub'); // slow to load, and only a pull needs it
  const files: RemoteFile[] = [];
  const entries = listFiles({
    repo: { type: 'model', name: hub.repo },
    recursive: true,
    revision: encodeURIComponent(hub.revision),
    hubUrl: hub.endpoint,
    fetch: (url, init) => hub.list(String(url), init),
  });
  try {
    for await (const entry of entries) {
      if (entry?.type === 'file') files.push(checkedEntry(entry, hub.repo));
      if (files.length > mostFiles) throw new CriaError(`lists more than ${mostFiles} files`, { where: hub.repo });
    }
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) throw strangeListing(hub.repo, error);
    throw error;
  }
  return files;
}

function checkedEntry(entry: ListFileEntry, repo: string): RemoteFile {
  const { path, lfs } = entry;
  const size = lfs?.size ?? entry.size;
  const checksum = lfs ? ({ kind: 'sha256', hex: lfs.oid } as const) : ({ kind: 'git', hex: entry.oid ?? '' } as const);
  const sound = typeof path === 'string' && Number.isSafeInteger(size) && size >= 0;
  if (!sound || !(lfs ? /^[0-9a-f]{64}$/ : /^[0-9a-f]{40}$/).test(checksum.hex)) throw strangeListing(repo);
  placeInside('.', path);
  return { path, size, checksum };
}

function chosen(files: readonly RemoteFile[], repo: string, named: string | undefined): RemoteFile[] {
  const ggufs = files.filter(({ path }) => path.endsWith('.gguf')).map(({ path }) => path);
  if (named !== undefined) {
    const file = files.find(({ path }) => path === named);
    const remedy = ggufs.length ? `it has ${ggufs.slice(0, 20).join(', ')}` : 'look at its list of files';
    if (!file) throw new CriaError(`has no file ${quoted(named)}`, { where: repo, remedy });
    return [file];
  }
  const whole = files.some(({ path }) => path === 'model.safetensors');
  const parts = files.filter(({ path }) => isPart(path));
  const kept = whole ? parts.filter(({ path }) => !/^model[-.].*(-of-|index)/.test(path)) : parts;
  if (!kept.some(({ path }) => path.endsWith('.safetensors'))) {
    const remedy = ggufs.length
      ? `name one of its GGUF files: ${ggufs.slice(0, 20).join(', ')}`
      : 'cria reads safetensors and GGUF, never pickle: look for a conversion of it';
    throw new CriaError('has no safetensors weights', { where: repo, remedy });
  }
  return kept;
}

function strangeListing(repo: string, cause?: unknown): CriaError {
  const remedy = 'check HF_ENDPOINT and the network (a proxy may have answered instead)';
  return new CriaError('the hub returned an invalid file list', {
    where: repo,
    remedy,
    kind: 'failure',
    cause,
  });
}
