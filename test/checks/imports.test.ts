import { expect, test } from 'vitest';
import { brokenRules, packagesLoadedBy } from './imports.ts';
import { productSources, readFiles } from './project.ts';

test('rooms import downward only, through index.ts, and only engine imports the runtime', () => {
  expect(brokenRules(productSources())).toEqual([]);
});

test('no test imports the runtime past the engine', () => {
  const tests = [...readFiles('src', '.test.ts')];
  expect(brokenRules(new Map(tests)).filter((sentence) => sentence.includes('onnxruntime'))).toEqual([]);
});

test.each([
  ['src/base/a.ts', "import { x } from '../tensor/index.ts';", 'imports tensor, which does not lie below base'],
  ['src/model/a.ts', "export * from '../train/index.ts';", 'imports train, which does not lie below model'],
  [
    'src/generate/a.ts',
    "const x = await import('../evaluate/index.ts');",
    'imports evaluate, which does not lie below generate',
  ],
  [
    'src/model/deep/a.ts',
    "import type { X } from '../../tensor/x.ts';",
    'imports src/tensor/x.ts past the index.ts of tensor',
  ],
  ['src/methods/eva/a.ts', "import '../mosp/index.ts';", 'imports methods/mosp, which does not lie below methods/eva'],
  ['src/verbs/a.ts', "import '../index.ts';", undefined],
  ['src/cli/a.ts', "import '../verbs/index.ts';", undefined],
  ['src/base/a.ts', "import '../index.ts';", 'imports api, which does not lie below base'],
  ['src/attic/a.ts', "import '../base/index.ts';", 'is in a room without rules: attic'],
  ['src/model/a.ts', "import 'onnxruntime-node';", 'imports onnxruntime-node, which only engine may'],
  ['src/engine/a.ts', "import 'onnxruntime-node';", undefined],
])('in %s the line %s is judged: %s', (path, line, sentence) => {
  expect(brokenRules(new Map([[path, line]]))).toEqual(sentence === undefined ? [] : [`${path} ${sentence}`]);
});

test('packages are followed through static imports, not through types or import()', () => {
  const sources = new Map([
    ['src/cli/main.ts', "import { a } from './a.ts';\nimport type { Z } from 'zod';\nconst late = import('late');"],
    ['src/cli/a.ts', "export { b } from 'node:fs';\nexport * from 'commander';"],
  ]);
  expect(packagesLoadedBy('src/cli/main.ts', sources)).toEqual(['commander']);
});

test('the command line starts with commander alone', () => {
  expect(packagesLoadedBy('src/cli/main.ts', productSources())).toEqual(['commander']);
});
