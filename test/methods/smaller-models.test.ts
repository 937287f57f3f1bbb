import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { randomFrom } from '../../src/base/index.ts';
import { type Checkpoint, openCheckpoint } from '../../src/checkpoint/index.ts';
import { countKept, support } from '../../src/linalg/index.ts';
import { worldOf } from '../../src/world/index.ts';
import { call } from '../command-line.ts';
import { shippedModel } from '../shared.ts';
import { dataFile } from '../train/tiny.ts';

const quick = ['--threads', '1', '--quiet'];
const scratch = mkdtempSync(join(tmpdir(), 'cria-smaller-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const paths = {
  shallow: join(scratch, 'shallow'),
  front: join(scratch, 'front'),
  pruned: join(scratch, 'front', 'points', '0.5-0.5'),
  gguf: join(scratch, 'pruned.gguf'),
  packed: join(scratch, 'packed.gguf'),
};
const prompt = [5, 17, 300, 41, 9];
const promptFile = join(scratch, 'prompt.json');
writeFileSync(promptFile, JSON.stringify(prompt));

async function done(...argv: readonly string[]): Promise<void> {
  expect(await call([...argv, ...quick])).toMatchObject({ code: 0, err: '' });
}

/** What a model writes after the prompt: greedily, in float32. */
async function greedy(model: string): Promise<number[]> {
  const how = ['--ids', promptFile, '--max-tokens', '12', '--temperature', '0', '--weights', 'f32', '--json'];
  const { out, err } = await call(['generate', model, ...how, ...quick]);
  expect(err).toBe('');
  return JSON.parse(out).ids;
}

beforeAll(async () => {
  const random = randomFrom(1);
  const [facts, translation] = ['facts', 'translation'].map((skill) => {
    const { row } = worldOf(0).skills.find(({ name }) => name === skill) as ReturnType<
      typeof worldOf
    >['skills'][number];
    return dataFile(
      Array.from({ length: 60 }, () => row(random)),
      join(scratch, `${skill}.jsonl`),
    );
  });
  const cut = ['--kept', '0,2,4,5,6,7', '--sequence', '64', '--packing', 'concat', '--test-tokens', '256'];
  await done('e3-prune', shippedModel, paths.shallow, '--data', `${facts}`, ...cut, '--recovery', 'none');
  const objectives = ['--objective', `facts=${facts}`, '--objective', `translation=${translation}`];
  const few = [
    '--samples',
    '4',
    '--sequence',
    '64',
    '--points',
    '3',
    '--keep',
    '*.mlp.*',
    '--keep',
    '*.k_proj.*',
    '--keep',
    '*.v_proj.*',
  ];
  await done('mosp', paths.shallow, paths.front, ...objectives, '--sparsity', '0.5', ...few);
  await done('quantize', paths.pruned, paths.packed, '--scheme', 'q8_0');
  await done('convert', paths.pruned, paths.gguf, '--to', 'gguf', '--dtype', 'f32');
}, 120_000);

test('a model that has lost layers is pruned, then quantized: it has both, and writes', async () => {
  const opened = [shippedModel, paths.shallow, paths.pruned, paths.packed].map((path) => openCheckpoint(path));
  const [base, shallow, pruned, packed] = opened as [Checkpoint, Checkpoint, Checkpoint, Checkpoint];
  expect(shallow.config.num_hidden_layers).toBe((base.config.num_hidden_layers as number) - 2);
  for (const { name, shape } of pruned.tensors.values()) {
    expect(packed.tensors.get(name)?.shape).toEqual(shape);
    if (!name.includes('o_proj')) continue;
    const kept = support(pruned.readFloat32(name));
    expect(countKept(kept)).toBe(Math.round(kept.length / 2));
    const decoded = support(packed.readFloat32(name));
    expect(decoded.every((now, i) => now <= (kept[i] as number))).toBe(true);
  }
  for (const checkpoint of opened) checkpoint.close();
  for (const path of [paths.shallow, paths.pruned, paths.packed])
    expect((await greedy(path)).length).toBeGreaterThan(0);
});

const python = process.env.CRIA_PYTHON; // a Python with torch and transformers
const why = python ? '' : ' [skipped: CRIA_PYTHON names no Python with transformers]';
const inTransformers = `
import json, sys, torch
from transformers import AutoModelForCausalLM
ids = torch.tensor([json.loads(sys.argv[2])])
model, info = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32, output_loading_info=True)
made = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False)
print(json.dumps({"ids": made[0, ids.shape[1]:].tolist(), "faults": sum(len(info[key]) for key in info)}))
`;

test.skipIf(!python)(`transformers opens both and writes the same${why}`, { timeout: 120_000 }, async () => {
  for (const path of [paths.shallow, paths.pruned]) {
    const argv = ['-c', inTransformers, path, JSON.stringify(prompt)];
    const made = JSON.parse(
      execFileSync(python as string, argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    );
    expect(made.faults).toBe(0);
    expect(made.ids).toEqual(await greedy(path));
  }
});

const modules = process.env.CRIA_NODE_LLAMA_CPP; // where npm installed node-llama-cpp
const missing = modules ? '' : ' [skipped: CRIA_NODE_LLAMA_CPP names no folder with node-llama-cpp]';
const inLlamaCpp = `
const { getLlama } = await import(process.argv[2]);
const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false, logLevel: 'error', maxThreads: 1 });
const model = await llama.loadModel({ modelPath: process.argv[3] });
const sequence = (await model.createContext({ contextSize: 64 })).getSequence();
const ids = [];
for await (const id of sequence.evaluate(JSON.parse(process.argv[4]), { temperature: 0, yieldEogToken: true })) {
  ids.push(id);
  if (ids.length === 12 || model.isEogToken(id)) break;
}
console.log(JSON.stringify(ids));
process.exit(0);
`;

test.skipIf(!modules)(`llama.cpp opens the GGUF and writes the same${missing}`, { timeout: 120_000 }, async () => {
  const entry = pathToFileURL(join(`${modules}`, 'node_modules', 'node-llama-cpp', 'dist', 'index.js')).href;
  const script = join(scratch, 'greedy.mjs'); // a file, because llama.cpp's loader starts Node again with the same flags
  writeFileSync(script, inLlamaCpp);
  const argv = [script, entry, paths.gguf, JSON.stringify(prompt)];
  expect(JSON.parse(execFileSync(process.execPath, argv, { encoding: 'utf8' }))).toEqual(await greedy(paths.gguf));
});
