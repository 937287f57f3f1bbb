import { readFileSync } from 'node:fs';

/** What made an artifact: written into it as cria.json. */
export interface Provenance {
  /** The version of cria. */
  readonly cria: string;
  readonly command: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly seed: number;
  /** The model that it was made from, as it was given. */
  readonly source: string;
  /** Hashes of what was read (`inputHashes`). */
  readonly inputs: Readonly<Record<string, string>>;
  readonly versions: { readonly node: string };
}

/** The provenance of what a command makes of `source`. */
export function provenanceOf(
  command: string,
  source: string,
  options: Readonly<Record<string, unknown>>,
  seed: number,
  inputs: Readonly<Record<string, string>> = {},
): Provenance {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  return { cria: version, command, options, seed, source, inputs, versions: { node: process.versions.node } };
}
