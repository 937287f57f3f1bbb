import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CriaError } from '../base/index.ts';

/**
 * Where a MODEL argument lies: a path that exists, `cria-tiny`, which ships, or a hub id that `cria pull` has brought.
 * @throws CriaError when there is nothing, with what to do about it.
 */
export function modelPath(model: string): string {
  if (existsSync(model)) return model;
  if (model === 'cria-tiny') return shipped;
  if (!mayBeHubId(model)) {
    throw new CriaError('does not exist', {
      where: model,
      remedy: 'use a folder, a .gguf file, a hub id or cria-tiny',
    });
  }
  const pulled = pulledFolder(model);
  if (existsSync(pulled)) return modelIn(pulled);
  throw new CriaError('is not in the local cache', { where: model, remedy: `download it with cria pull ${model}` });
}

/** The folder that `cria pull org/name` fills. */
export function pulledFolder(repo: string): string {
  return join(pulledModels(), ...repo.split('/'));
}

function pulledModels(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'cria', 'models');
}

/** Whether a name leads, as org/name does, to a folder of a folder of those that were pulled: `pull` says the rest. */
function mayBeHubId(name: string): boolean {
  return name.split('/').length === 2 && dirname(dirname(pulledFolder(name))) === pulledModels();
}

/** What of a pulled folder is opened: itself, or without a config.json its one .gguf file, from `pull --file`. */
function modelIn(folder: string): string {
  if (existsSync(join(folder, 'config.json'))) return folder;
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.gguf'));
  const [first = folder, second] = names.sort().map((name) => join(folder, name));
  if (second === undefined) return first;
  const remedy = `use one of them: ${names.map((name) => join(folder, name)).join(', ')}`;
  throw new CriaError(`has ${names.length} .gguf files and no config.json`, { where: folder, remedy });
}

const shipped = fileURLToPath(new URL('../../models/cria-tiny', import.meta.url));
