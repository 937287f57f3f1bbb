import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { CriaError } from '../base/index.ts';

/** API keys of a file, one a line, compared in constant time. */
export interface Keys {
  accepts(authorization: string | undefined): boolean;
  /** Reads the file again; what cannot be read leaves the keys as they are. @throws CriaError then. */
  reload(): void;
}

/** @throws CriaError when the file cannot be read or holds no key. `warn` is called when others may read it. */
export function keysFrom(path: string, warn: (sentence: string) => void): Keys {
  let hashes: Buffer[] = [];
  const reload = () => {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
      if (process.platform !== 'win32' && statSync(path).mode & 0o004)
        warn(`${path} can be read by everybody: chmod 600`);
    } catch (cause) {
      throw new CriaError('the key file cannot be read', { where: path, cause });
    }
    const keys = text
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter(Boolean);
    if (keys.length === 0) throw new CriaError('the key file holds no key', { where: path });
    hashes = keys.map(hash);
  };
  reload();
  return {
    reload,
    accepts(authorization) {
      const given = hash(/^Bearer\s+(.+)$/i.exec(authorization ?? '')?.[1] ?? '');
      let found = false;
      for (const each of hashes) found = timingSafeEqual(each, given) || found;
      return found;
    },
  };
}

const hash = (key: string) => createHash('sha256').update(key.trim()).digest();
