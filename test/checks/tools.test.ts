import { readFileSync } from 'node:fs';
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

test('knip finds no unused file, export or dependency', { timeout: timeoutMs }, () => {
  const { status, said } = runPackage('knip/bin/knip.js', '--no-progress');
  expect(status, said).toBe(0);
});

test('publint finds nothing to mend in the package', { timeout: timeoutMs }, async () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const { messages } = await publint({ pkgDir: root, strict: true });
  expect(messages.map((message) => formatMessage(message, manifest))).toEqual([]);
});
