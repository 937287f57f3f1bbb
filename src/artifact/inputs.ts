import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { contentHash, type Watch } from '../base/index.ts';
import { type Checkpoint, openCheckpoint } from '../checkpoint/index.ts';
import type { Provenance } from './provenance.ts';

/** What a command reads: models by what they were called, with their paths; files, or folders of them, likewise or by path. */
export interface Inputs {
  readonly models?: Readonly<Record<string, string>>;
  readonly files?: readonly (string | undefined)[];
  readonly named?: Readonly<Record<string, string>>;
}

/**
 * SHA-256 in hexadecimal of each input, by its name: of a file its bytes, of a folder its files' names and bytes, of a
 * model what `checkpointHash` takes. @throws CriaError when one of them cannot be read.
 */
export async function inputHashes(
  { models = {}, files = [], named = {} }: Inputs,
  watch: Watch = {},
): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const [name, path] of Object.entries(models)) {
    const checkpoint = openCheckpoint(path);
    try {
      hashes[name] = await checkpointHash(checkpoint, watch);
    } finally {
      checkpoint.close();
    }
  }
  for (const path of files) if (path !== undefined) hashes[path] = await pathHash(path, watch);
  for (const [name, path] of Object.entries(named)) hashes[name] = await pathHash(path, watch);
  return hashes;
}

/** The hash of a file that an provenance tells already; else it is taken. @throws CriaError when it cannot be read. */
export const hashOfInput = async ({ inputs }: Provenance, path: string): Promise<string> =>
  inputs[path] ?? contentHash(path);

async function pathHash(path: string, watch: Watch): Promise<string> {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return contentHash(path, watch);
  const entries = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isFile());
  return hashOf(
    entries.map(({ name }) => join(path, name)),
    watch,
  );
}

/** Tells checkpoints apart: a hash of the configuration, and of the files that hold the weights. */
export async function checkpointHash({ config, tensors }: Checkpoint, watch: Watch = {}): Promise<string> {
  const files = new Set([...tensors.values()].map(({ file }) => file));
  return createHash('sha256')
    .update(JSON.stringify(config))
    .update(await hashOf([...files], watch))
    .digest('hex');
}

async function hashOf(paths: readonly string[], watch: Watch): Promise<string> {
  const hash = createHash('sha256');
  for (const path of [...paths].sort()) hash.update(`${basename(path)} ${await contentHash(path, watch)}\n`);
  return hash.digest('hex');
}
