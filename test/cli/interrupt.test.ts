import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../hostile.ts';
import { needs, shared } from '../shared.ts';

const main = resolve(import.meta.dirname, '../../dist/cli/main.js');
const model = shared('models', 'smollm2-135m-instruct.Q4_1.gguf');
const { skip, reason } = needs(model, 'the real model');

test.skipIf(skip)(`Ctrl-C in the middle of a write leaves nothing behind and ends with 130${reason}`, async () => {
  const folder = temporaryFolder();
  const out = join(folder, 'out');
  const child = spawn(process.execPath, [main, 'convert', model as string, out, '--dtype', 'f32'], { stdio: 'ignore' });
  await until(() => readdirSync(folder).length > 0);
  child.kill('SIGINT');
  const code = await new Promise<number | null>((done) => child.on('exit', done));
  expect(code).toBe(130);
  expect(readdirSync(folder)).toEqual([]);
});

async function until(holds: () => boolean): Promise<void> {
  for (let waited = 0; !holds(); waited += 2) {
    if (waited > 20_000) throw new Error('the write did not begin');
    await new Promise((done) => setTimeout(done, 2));
  }
}
