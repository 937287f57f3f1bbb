import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { expect, test } from 'vitest';
import { root, runPackage } from './project.ts';

const timeoutMs = 180_000;

test('Biome finds nothing to format and nothing to warn of', { timeout: timeoutMs }, () => {
  const { status, said } = runPackage('@biomejs/biome/bin/biome', 'ci', '--error-on-warnings', '--colors=off');
  expect(status, said).toBe(0);
});

test('the whole project type-checks', { timeout: timeoutMs }, () => {
  const state = 'node_modules/.cache/cria/check.tsbuildinfo';
  const { status, said } = runPackage('typescript/bin/tsc', '--noEmit', '--incremental', '--tsBuildInfoFile', state);
  expect(status, said).toBe(0);
});

/**
 * Measurements and scripts are JavaScript without types of their own, so that only the errors that show a name of the library that is gone are
 * looked for: no exported member (2305, 2724), no such module (2307), no such property (2339), too few arguments (2554).
 */
test('measurements and scripts call what the library has', { timeout: timeoutMs }, () => {
  const flags = [
    '--allowJs',
    '--checkJs',
    '--strict',
    'false',
    '--noImplicitAny',
    'false',
    '--strictNullChecks',
    'false',
  ];
  const files = ['bench', 'scripts'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.mjs'))
      .map((file) => join(folder, file)),
  );
  const language = ['--noEmit', '--target', 'es2023', '--module', 'nodenext', '--skipLibCheck', '--types', 'node'];
  const { said } = runPackage('typescript/bin/tsc', '--ignoreConfig', ...language, ...flags, ...files);
  const errors = said
    .split('\n')
    .filter((line) => /error TS(2305|2307|2339|2554|2724):/.test(line) && !/on type '(\{\}|.*\|.*)'/.test(line));
  expect(files.length).toBeGreaterThan(20);
  expect(errors).toEqual([]);
});

test('knip finds no unused file, export or dependency', { timeout: timeoutMs }, () => {
  const { status, said } = runPackage('knip/bin/knip.js', '--no-progress');
  expect(status, said).toBe(0);
});

test('publint finds nothing to mend in the package', { timeout: timeoutMs }, async () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const { messages } = await publint({ pkgDir: root, strict: true });
  expect(messages.map((message) => formatMessage(message, manifest))).toEqual([]);
});
