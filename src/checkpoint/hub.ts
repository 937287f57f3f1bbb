import { isAbsolute, join, normalize, sep } from 'node:path';
import type { ListFileEntry } from '@huggingface/hub';
import { CriaError, type Progress, silent } from '../base/index.ts';
import { connect, type Hub } from './hub-connection.ts';
import { download, type RemoteFile } from './hub-download.ts';
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
const mostFiles = 100_000;

/**
 * Brings a checkpoint from a Hugging Face hub (HF_ENDPOINT, else huggingface.co) into a folder. Every file is
 * compared with the checksum that the hub lists; what is already there and right is not fetched again, and a
 * file that was cut short is continued. config.json comes last, so that a half-pulled folder is not a checkpoint.
 * @param repo `org/name`
 * @returns the folder, or the one file that was asked for, and how many bytes the files have together.
 * @throws CriaError when the hub cannot be reached, refuses, or sends something else than it listed.
 */
export async function pull(repo: string, options: PullOptions): Promise<{ path: string; bytes: number }> {
  if (!/^[\w-][\w.-]*(\/[\w-][\w.-]*)?$/.test(repo)) {
    throw new CriaError(`${quoted(repo)} is not a hub id`, { remedy: 'give it as org/name' });
  }
  const { into, file, progress = silent, signal } = options;
  const hub = connect(repo, options);
  const files = chosen(await listing(hub), repo, file);
  const total = files.reduce((sum, { size }) => sum + size, 0);
  let before = 0;
  for (const remote of files) {
    const path = placeInside(into, remote.path);
    await download(hub, remote, path, {
      signal,
      advance: (done) => progress.step('pull', before + done, total, 'bytes'),
    });
    before += remote.size;
  }
  return { path: file === undefined ? into : placeInside(into, file), bytes: total };
}

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
  const parts = files.filter(({ path }) => wanted.some((pattern) => pattern.test(path)));
  const kept = whole ? parts.filter(({ path }) => !/^model[-.].*(-of-|index)/.test(path)) : parts;
  if (!kept.some(({ path }) => path.endsWith('.safetensors'))) {
    const remedy = ggufs.length
      ? `name one of its GGUF files: ${ggufs.slice(0, 20).join(', ')}`
      : 'cria reads safetensors and GGUF, never pickle: look for a conversion of it';
    throw new CriaError('has no safetensors weights', { where: repo, remedy });
  }
  return kept.sort((a, b) => Number(a.path === 'config.json') - Number(b.path === 'config.json'));
}

/** A repository's file inside `folder`. @throws CriaError when its name would lead out of it. */
function placeInside(folder: string, name: string): string {
  const inside = normalize(name);
  const leaves = inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside);
  if (leaves || inside === '.' || /[\\\0]|^[A-Za-z]:/.test(name)) {
    throw new CriaError(`the hub lists a file ${quoted(name)}, which would leave the folder`, {
      remedy: 'do not use it',
    });
  }
  return join(folder, inside);
}

function strangeListing(repo: string, cause?: unknown): CriaError {
  const remedy = 'check HF_ENDPOINT and the network (a proxy may have answered instead)';
  return new CriaError("the hub's list of files is not what it should be", {
    where: repo,
    remedy,
    kind: 'failure',
    cause,
  });
}
