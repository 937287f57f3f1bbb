import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { kernelModulesText } from '../../scripts/kernels/index.ts';

const path = 'src/base/kernel-modules.ts';
const withoutSpaces = (text: string) => text.replace(/\s/g, '');

test('the WebAssembly modules that ship are what scripts/kernels writes', () => {
  if (process.env.CRIA_UPDATE === '1') writeFileSync(path, kernelModulesText());
  expect(withoutSpaces(readFileSync(path, 'utf8')) === withoutSpaces(kernelModulesText())).toBe(true);
});
