import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { call } from '../../test/command-line.ts';
import { adapterPath } from '../../test/model/goldens.ts';
import { needs, shared } from '../../test/shared.ts';
import { generationNeed, loadModel, programBytes, scoringNeed } from '../model/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'cria-inspect-'));
afterAll(() => rmSync(folder, { recursive: true }));

const model = shared('models', 'smollm2-135m-instruct.Q4_1.gguf');
const { skip, reason } = needs(model, 'SmolLM2');

const inspect = async (...argv: string[]) => (await call(['inspect', model ?? '', ...argv])).out;

test.skipIf(skip)(`SmolLM2 is what its authors say it is${reason}`, async () => {
  const told = JSON.parse(await inspect('--json'));
  expect(told).toMatchObject({
    architecture: 'LlamaForCausalLM',
    parameters: 134_515_008, // 49152 * 576 + 30 * (576 * (2 * 576 + 2 * 192 + 3 * 1536) + 2 * 576) + 576
    layers: 30,
    context: 8192,
    tokenizer: { vocabularySize: 49_152, chatTemplate: true },
  });
  expect(told.tensors).toHaveLength(272);
  expect(told.tensors).toContainEqual({
    name: 'model.layers.29.self_attn.k_proj.weight',
    type: 'Q4_1',
    shape: [192, 576],
    bytes: (192 * 576 * 20) / 32,
  });
});

test.skipIf(skip)(`a person reads its figures above the list of its tensors${reason}`, async () => {
  const [, figures, types, gap, ...more] = (await inspect()).split('\n');
  const first = more[more.indexOf('') + 1]; // behind the memory
  expect(figures).toBe('134515008 parameters, 30 layers, 8192 positions, 49152 tokens');
  expect(types).toMatch(/^\d+\.?\d* MB: .*Q4_1 \d+\.?\d* MB/);
  expect(gap).toBe('');
  expect(first).toMatch(/^model\.\S+ +\w+ +\d+\.?\d* MB {2}\d+( x \d+)*$/);
});

/** A folder with the shapes of Llama 2 7B in float16, whose weights are a hole in a file. */
function llama7B(): string {
  const path = join(folder, '7b');
  mkdirSync(path);
  const [width, intermediate, layers] = [4096, 11008, 32];
  const config = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: width,
    intermediate_size: intermediate,
    num_hidden_layers: layers,
    num_attention_heads: 32,
    vocab_size: 32_000,
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
  };
  const shapes: [string, number[]][] = [
    ['model.embed_tokens.weight', [32_000, width]],
    ['model.norm.weight', [width]],
    ['lm_head.weight', [32_000, width]],
  ];
  for (let i = 0; i < layers; i++) {
    const layer = `model.layers.${i}`;
    for (const name of ['q', 'k', 'v', 'o']) shapes.push([`${layer}.self_attn.${name}_proj.weight`, [width, width]]);
    for (const name of ['gate', 'up']) shapes.push([`${layer}.mlp.${name}_proj.weight`, [intermediate, width]]);
    shapes.push([`${layer}.mlp.down_proj.weight`, [width, intermediate]]);
    for (const name of ['input', 'post_attention']) shapes.push([`${layer}.${name}_layernorm.weight`, [width]]);
  }
  let end = 0;
  const entries = shapes.map(([name, shape]) => {
    const begin = end;
    end += shape.reduce((product, size) => product * size, 2);
    return [name, { dtype: 'F16', shape, data_offsets: [begin, end] }];
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  writeFileSync(join(path, 'config.json'), JSON.stringify(config));
  writeFileSync(join(path, 'model.safetensors'), Buffer.concat([length, header]));
  truncateSync(join(path, 'model.safetensors'), 8 + header.length + end);
  return path;
}

test('the memory that Llama 2 7B needs is told from its headers, in less than a second', async () => {
  const path = llama7B();
  const begun = performance.now();
  const { code, out } = await call(['inspect', path, '--json']);
  expect(performance.now() - begun).toBeLessThan(1000);
  expect(code).toBe(0);
  const { parameters, memory } = JSON.parse(out);
  expect(parameters).toBe(6_738_415_616); // as its authors count
  expect(memory.context).toBe(4096);
  const cache = 2 ** 32; // keys and values: 2 x 32 layers x 4096 positions x 4096 floats
  const reading = 4 * 512 * (8 * 4096 + 3 * 11_008 + 32 * 4096); // activations of a block, with the scores of 512 positions
  const program = 150e6 + 600 * 32_000;
  const block = 202_383_360; // parameters
  const needOf = (verb: string, weights: string, plan: string) =>
    memory.needs.find((need: Record<string, unknown>) => {
      return need.verb === verb && need.weights === weights && need.plan === plan;
    });
  // every weight but the table, whose rows are read from the file, and the allocator's share of the last session
  const floats = 4 * (6_738_415_616 - 32_000 * 4096);
  const { bytes, steady } = needOf('generate', 'f32', 'whole');
  expect(steady - program - cache - reading - floats).toBeGreaterThan(0);
  expect(steady - program - cache - reading - floats).toBeLessThan(0.2 * floats);
  expect(bytes).toBeGreaterThanOrEqual(steady);
  expect(bytes / (floats + program)).toBeLessThan(1.4);
  expect(needOf('generate', 'auto', 'whole').bytes).toBe(bytes); // float weights stay float32
  expect(needOf('generate', 'f32', 'by-layer').bytes).toBe(4 * (block + 32_000 * 4096) + cache + reading + program);
  expect(needOf('score', 'f32', 'whole').bytes).toBeGreaterThan(4 * 6_738_415_616 + program);
  // 8 bits, and three floats for each 32 weights: the scale twice and what its zero adds
  const packed = (floats / 4) * (1 + 12 / 32);
  expect(needOf('generate', 'q8', 'whole').steady - program - cache - reading).toBeGreaterThan(packed);
  expect(needOf('generate', 'q8', 'whole').steady - program - cache - reading).toBeLessThan(1.2 * packed);
  const loader = loadModel(path);
  onTestFinished(() => loader.close());
  for (const { verb, weights, plan, fits } of memory.needs.filter((need: { plan: string }) => need.plan === 'whole')) {
    const at = { config: loader.config, bound: () => loader.bound(weights) };
    const { peak } = verb === 'score' ? scoringNeed(at, plan, 4096) : generationNeed(at, plan, 4096);
    expect(needOf(verb, weights, plan).bytes).toBe(peak + programBytes(loader.config));
    expect(loader.planFor(peak) === plan, `${verb} ${weights}`).toBe(fits);
  }
});

test('the context is what the model takes: with its scaling, and behind the tokens of adapters', async () => {
  const path = join(folder, 'stretched');
  cpSync('test/goldens/architectures/llama-gqa', path, { recursive: true });
  const contextOf = async (...argv: string[]) =>
    JSON.parse((await call(['inspect', path, '--json', ...argv])).out).context;
  const before = await contextOf();
  expect(before - (await contextOf('--adapter', adapterPath('prefix')))).toBeGreaterThan(0);
  const config = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8'));
  writeFileSync(join(path, 'config.json'), JSON.stringify({ ...config, rope_scaling: { type: 'dynamic', factor: 4 } }));
  expect(await contextOf()).toBe(4 * before);
  const other = await call(['inspect', path, '--adapter', 'nowhere']);
  expect(other).toMatchObject({ code: 2, err: expect.stringContaining('nowhere: does not exist') });
});

test('--context says for how many tokens', async () => {
  const path = 'test/goldens/architectures/llama';
  const cacheAt = async (context: string) => {
    const { out } = await call(['inspect', path, '--context', context, '--json']);
    return JSON.parse(out).memory.needs[0].steady;
  };
  // 2 layers x keys and values x 64 floats; activations of 10 positions more, and scores of 4 heads
  const reading = (tokens: number) => 4 * tokens * (4 * 64 + 3 * 64 + 4 * 64 + 4 * tokens);
  const more = (await cacheAt('60')) - (await cacheAt('50'));
  expect(more).toBe(10 * 2 * 2 * 64 * 4 + reading(60) - reading(50));
});

test('an architecture that is not supported is told without its memory, and a model without a tokenizer too', async () => {
  const path = join(folder, 'mamba');
  cpSync('test/goldens/architectures/llama', path, { recursive: true });
  const config = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8'));
  writeFileSync(
    join(path, 'config.json'),
    JSON.stringify({ ...config, architectures: ['Mamba'], model_type: 'mamba' }),
  );
  const { code, out } = await call(['inspect', path, '--json']);
  expect(code).toBe(2);
  const told = JSON.parse(out);
  expect(told).toMatchObject({ architecture: 'Mamba', layers: 2 });
  expect(told).not.toHaveProperty('memory');
  expect(told.notes).toEqual([
    expect.stringMatching(/^no memory estimate: .*"mamba" is not supported/),
    expect.stringMatching(/^no tokenizer: .*tokenizer.json/),
  ]);
});
