import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { refusalOf, temporaryFolder } from '../../test/hostile.ts';
import { type Adapter, readAdapter } from '../checkpoint/index.ts';
import { writeAdapterFolder } from './adapter.ts';
import { provenanceOf } from './provenance.ts';

const adapter: Adapter = {
  kind: 'prompt',
  base: 'org/name',
  tokens: 2,
  width: 2,
  embeddings: Float32Array.of(1, 2, 3, 4),
};
const provenance = provenanceOf('train', 'org/name', { mode: 'prompt' }, 7);

test('an adapter folder tells what made it, and is replaced only when it is asked for', async () => {
  const path = join(temporaryFolder(), 'adapter');
  const bytes = await writeAdapterFolder(path, adapter, provenance, false);
  const files = ['adapter_config.json', 'adapter_model.safetensors', 'cria.json'];
  expect(readdirSync(path).sort()).toEqual(files);
  expect(bytes).toBe(files.reduce((sum, name) => sum + readFileSync(join(path, name)).length, 0));
  expect(readAdapter(path)).toEqual(adapter);
  expect(JSON.parse(readFileSync(join(path, 'cria.json'), 'utf8'))).toEqual(provenance);
  expect(await refusalOf(() => writeAdapterFolder(path, adapter, provenance, false))).toContain('already exists');
  await writeAdapterFolder(path, { ...adapter, base: 'org/other' }, provenance, true);
  expect(readAdapter(path).base).toBe('org/other');
});

test('an adapter of nothing leaves no folder', async () => {
  const folder = temporaryFolder();
  const empty: Adapter = { kind: 'lora', base: '', modules: new Map(), rslora: false };
  const refusal = await refusalOf(() => writeAdapterFolder(join(folder, 'adapter'), empty, provenance, false));
  expect(refusal).toContain('an adapter without modules cannot be written');
  expect(readdirSync(folder)).toEqual([]);
});
