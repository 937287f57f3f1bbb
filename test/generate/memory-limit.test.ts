/** Opening a model under a limit of memory: what `inspect` promises is enough, and the plan that it chooses survives. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { needs, shared } from '../shared.ts';

const run = promisify(execFile);
const cli = resolve(import.meta.dirname, '../../dist/cli/main.js');
const model = shared('models', 'smollm2-135m-instruct.Q4_1.gguf') as string;
const missing = needs(model, 'SmolLM2');
const group = newGroup();
const skip = missing.skip || !group;
const reason = missing.reason || (group ? '' : ' (skipped: no control group with a limit of memory can be made here)');
afterAll(() => {
  if (group) rmdirSync(group.folder);
});

/** A control group of version 2 or 1 whose memory can be limited; undefined where none can be made. */
function newGroup(): { readonly folder: string; readonly limit: string } | undefined {
  const name = `cria-test-${process.pid}`;
  const versions = [
    { folder: join('/sys/fs/cgroup', name), limit: 'memory.max' },
    { folder: join('/sys/fs/cgroup/memory', name), limit: 'memory.limit_in_bytes' },
  ];
  for (const { folder, limit } of versions) {
    try {
      mkdirSync(folder);
    } catch {
      continue;
    }
    if (existsSync(join(folder, limit))) return { folder, limit: join(folder, limit) };
    rmdirSync(folder);
  }
  return undefined;
}

/** The command line in a process of its own, with a limit of memory in bytes. */
async function limited(bytes: number, ...argv: string[]) {
  if (!group) throw new Error('there is no group');
  writeFileSync(group.limit, String(Math.round(bytes)));
  const join = `echo $$ > ${group.folder}/cgroup.procs && exec "$@"`;
  return run('sh', ['-c', join, 'sh', process.execPath, cli, ...argv]);
}

async function promised(weights: string, plan: string): Promise<number> {
  const { stdout } = await run(process.execPath, [cli, 'inspect', model, '--context', '128', '--json'], {
    maxBuffer: 2 ** 26,
  });
  const found = JSON.parse(stdout).memory.needs.find((need: Record<string, unknown>) => {
    return need.verb === 'generate' && need.weights === weights && need.plan === plan;
  });
  return found.bytes;
}

const generate = (weights: string) => [
  'generate',
  model,
  'The llama is',
  '--max-tokens',
  '3',
  '--weights',
  weights,
  '--json',
];

test.skipIf(skip)(
  `what inspect promises is enough to open a model and write${reason}`,
  { timeout: 120_000 },
  async () => {
    const { stdout } = await limited(await promised('auto', 'whole'), ...generate('auto'), '--quiet');
    expect(JSON.parse(stdout).ids).toHaveLength(3);
  },
);

const less = `with less the model is run layer by layer, and is not killed${reason}`;
test.skipIf(skip)(less, { timeout: 120_000 }, async () => {
  const [whole, byLayer] = [await promised('f32', 'whole'), await promised('f32', 'by-layer')];
  expect(byLayer).toBeLessThan(whole / 2);
  const { stdout, stderr } = await limited(whole / 2, ...generate('f32'));
  expect(stderr).toContain('using the by-layer plan');
  expect(JSON.parse(stdout).ids).toHaveLength(3);
});
