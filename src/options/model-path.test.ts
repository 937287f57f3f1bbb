import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { modelPath } from './model-path.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cria-model-path-'));
  vi.stubEnv('XDG_CACHE_HOME', folder);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

test('a path that exists is the model', () => {
  expect(modelPath(folder)).toBe(folder);
});

test('a hub id is the folder that pull has filled', () => {
  const pulled = join(folder, 'cria', 'models', 'org', 'name');
  mkdirSync(pulled, { recursive: true });
  expect(modelPath('org/name')).toBe(pulled);
});

test('a pulled folder without config.json is its one .gguf file, which pull --file has brought', () => {
  const pulled = join(folder, 'cria', 'models', 'org', 'name');
  const file = join(pulled, 'small', 'a.gguf');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, '');
  expect(modelPath('org/name')).toBe(file);
  writeFileSync(join(pulled, 'b.gguf'), '');
  const named = `use one of them: ${join(pulled, 'b.gguf')}, ${file}`;
  expect(() => modelPath('org/name')).toThrow(`${pulled}: has 2 .gguf files and no config.json (${named})`);
  writeFileSync(join(pulled, 'config.json'), '{}');
  expect(modelPath('org/name')).toBe(pulled);
});

test('a hub id that was not pulled says how to bring it', () => {
  expect(() => modelPath('org/other')).toThrow(
    'org/other: is not in the local cache (download it with cria pull org/other)',
  );
});

test.each(['nothing.gguf', 'org/..', '../name', './name', 'org/', '/org/name', 'a/b/c', ''])(
  '%j is neither a path nor a hub id',
  (model) => {
    expect(() => modelPath(model)).toThrow('does not exist');
  },
);

test('cria-tiny is the model that ships', () => {
  expect(existsSync(join(modelPath('cria-tiny'), 'model.safetensors'))).toBe(true);
});
