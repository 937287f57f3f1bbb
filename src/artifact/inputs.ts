import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { contentHash } from '../base/index.ts';
import { type Checkpoint, openCheckpoint } from '../checkpoint/index.ts';

/** What a command reads: models by what they were called, with their paths, and files or folders of them. */
export interface Inputs {
  readonly models?: Readonly<Record<string, string>>;
  readonly files?: readonly (string | undefined)[];
}

/**
 * SHA-256 in hexadecimal of each input, by its name: of a file its bytes, of a folder its files' names and bytes, of a
 * model what `checkpointHash` takes. @throws CriaError when one of them cannot be read.
 */
export async function inputHashes({ models = {}, files = [] }: Inputs): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const [name, path] of Object.entries(models)) {
    const checkpoint = openCheckpoint(path);
    hashes[name] = checkpointHash(checkpoint);
    checkpoint.close();
  }
  for (const path of files) if (path !== undefined) hashes[path] = await pathHash(path);
  return hashes;
}

async function pathHash(path: string): Promise<string> {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return contentHash(path);
  const hash = createHash('sha256');
  for (const entry of readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.isFile()) hash.update(`${entry.name} ${await contentHash(join(path, entry.name))}\n`);
  }
  return hash.digest('hex');
}

/** Tells checkpoints apart: a hash of the configuration, and of each tensor's name, type, shape and first row. */
export function checkpointHash({ config, tensors, readBytes }: Checkpoint): string {
  const hash = createHash('sha256').update(JSON.stringify(config));
  for (const { name, type, shape } of tensors.values()) {
    hash.update(`${name} ${type} ${shape}`);
    hash.update(readBytes(name, shape.length > 0 ? { rows: [0, 1] } : {}));
  }
  return hash.digest('hex');
}
