/** Where the run finds things. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(import.meta.dirname);
export const node = process.execPath;
export const commandLine = join(root, 'dist', 'cli', 'main.js');
export const page = join(root, 'docs', 'benchmarks.md');

/** A script of this folder. */
export const script = (name) => fileURLToPath(new URL(name, import.meta.url));

/** The measurement data: models/, goldens/ and data/ beside the checkout, or where CRIA_SHARED says. */
export function shared(...parts) {
  const path = join(process.env.CRIA_SHARED ?? join(root, '..', 'shared'), ...parts);
  if (!existsSync(path)) throw new Error(`${path} is not there: set CRIA_SHARED to the folder of the measurement data`);
  return path;
}

export const model = () => shared('models', 'smollm2-135m-instruct.Q4_1.gguf');
