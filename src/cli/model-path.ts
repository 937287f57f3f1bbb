import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CriaError } from '../base/index.ts';

const hubId = /^[\w-][\w.-]*\/[\w-][\w.-]*$/;

/**
 * Where a MODEL argument lies: a path that exists, `cria-tiny`, which ships, or a hub id that `cria pull` has brought.
 * @throws CriaError when there is nothing, with what to do about it.
 */
export function modelPath(model: string): string {
  if (existsSync(model)) return model;
  if (model === 'cria-tiny') return shipped;
  if (!hubId.test(model)) {
    throw new CriaError('does not exist', {
      where: model,
      remedy: 'give a folder, a .gguf file, a hub id or cria-tiny',
    });
  }
  const pulled = pulledFolder(model);
  if (existsSync(pulled)) return pulled;
  throw new CriaError('is not on this machine', { where: model, remedy: `bring it with cria pull ${model}` });
}

/** The folder that `cria pull org/name` fills. */
export function pulledFolder(repo: string): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'cria', 'models', ...repo.split('/'));
}

const shipped = fileURLToPath(new URL('../../models/cria-tiny', import.meta.url));
