/**
 * Writes a checkpoint of Llama-2-7B's shape with random weights: what the memory and speed of work on large
 * models is measured on. Hugging Face layout: config.json, bfloat16 shards of about 5 GB, their index.
 *
 *   node write-7b.mjs OUT [--layers 32]
 *
 * Weights are normal with deviation 0.02, norms are 1. Every tensor repeats one random block from a place of its own.
 */
import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

/** @typedef {{ name: string, shape: number[], file: string }} Tensor */

const WIDTH = 4096;
const INTERMEDIATE = 11008;
const VOCABULARY = 32000;
const DEVIATION = 0.02;
const BF16_BYTES = 2;
const SHARD_BYTES = 5e9;
const ONE = 0x3f80; // 1.0 in bfloat16
const BLOCK_LENGTH = 2 ** 22 - 3; // odd, so that the rows of a matrix start at different places of the block

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { layers: { type: 'string', default: '32' } },
});
const [out] = positionals;
const layers = Number(values.layers);
if (!out || !Number.isInteger(layers) || layers < 1) {
  console.error('usage: node write-7b.mjs OUT [--layers 32]');
  process.exit(2);
}
const partial = `${out}.partial`;
for (const path of [out, partial]) {
  if (existsSync(path)) {
    console.error(`${path}: already exists (remove it or choose another folder)`);
    process.exit(2);
  }
}
write(partial, layers);
renameSync(partial, out);

/**
 * @param {string} folder
 * @param {number} layers
 */
function write(folder, layers) {
  mkdirSync(folder, { recursive: true });
  const tensors = inShards(tensorsOf(layers));
  const total = tensors.reduce((sum, tensor) => sum + bytesOf(tensor), 0);
  writeJson(join(folder, 'config.json'), configOf(layers));
  writeJson(join(folder, 'model.safetensors.index.json'), {
    metadata: { total_size: total },
    weight_map: Object.fromEntries(tensors.map(({ name, file }) => [name, file])),
  });

  const block = randomBlock();
  const ones = new Uint16Array(WIDTH).fill(ONE);
  const start = performance.now();
  let done = 0;
  for (const file of new Set(tensors.map((tensor) => tensor.file))) {
    const members = tensors.filter((tensor) => tensor.file === file);
    const descriptor = openSync(join(folder, file), 'wx');
    writeFully(descriptor, headerOf(members));
    for (const tensor of members) {
      const isNorm = tensor.shape.length === 1;
      writeRepeated(descriptor, isNorm ? ones : block, isNorm ? 0 : placeOf(tensor.name), bytesOf(tensor));
      done += bytesOf(tensor);
      const rate = done / 1e6 / ((performance.now() - start) / 1000);
      process.stderr.write(`\r${(done / 1e9).toFixed(1)} of ${(total / 1e9).toFixed(1)} GB, ${rate.toFixed(0)} MB/s `);
    }
    closeSync(descriptor);
  }
  process.stderr.write('\n');
}

/**
 * @param {number} layers
 * @returns {Omit<Tensor, 'file'>[]}
 */
function tensorsOf(layers) {
  const square = [WIDTH, WIDTH];
  const layer = {
    'input_layernorm.weight': [WIDTH],
    'self_attn.q_proj.weight': square,
    'self_attn.k_proj.weight': square,
    'self_attn.v_proj.weight': square,
    'self_attn.o_proj.weight': square,
    'post_attention_layernorm.weight': [WIDTH],
    'mlp.gate_proj.weight': [INTERMEDIATE, WIDTH],
    'mlp.up_proj.weight': [INTERMEDIATE, WIDTH],
    'mlp.down_proj.weight': [WIDTH, INTERMEDIATE],
  };
  return [
    { name: 'model.embed_tokens.weight', shape: [VOCABULARY, WIDTH] },
    ...Array.from({ length: layers }, (_, i) =>
      Object.entries(layer).map(([name, shape]) => ({ name: `model.layers.${i}.${name}`, shape })),
    ).flat(),
    { name: 'model.norm.weight', shape: [WIDTH] },
    { name: 'lm_head.weight', shape: [VOCABULARY, WIDTH] },
  ];
}

/**
 * Gives every tensor its file, in order, none above SHARD_BYTES.
 * @param {Omit<Tensor, 'file'>[]} tensors
 * @returns {Tensor[]}
 */
function inShards(tensors) {
  let [shard, filled] = [1, 0];
  const shards = tensors.map((tensor) => {
    const bytes = bytesOf(tensor);
    if (filled + bytes > SHARD_BYTES) [shard, filled] = [shard + 1, 0];
    filled += bytes;
    return shard;
  });
  const digits = (/** @type {number} */ number) => String(number).padStart(5, '0');
  return tensors.map((tensor, i) => ({
    ...tensor,
    file: `model-${digits(shards[i])}-of-${digits(shard)}.safetensors`,
  }));
}

/**
 * The head of a safetensors file: the length of the JSON as a 64-bit integer, then the JSON, padded to 8 bytes.
 * @param {Tensor[]} tensors
 */
function headerOf(tensors) {
  let end = 0;
  const entries = tensors.map((tensor) => {
    const begin = end;
    end += bytesOf(tensor);
    return [tensor.name, { dtype: 'BF16', shape: tensor.shape, data_offsets: [begin, end] }];
  });
  const json = JSON.stringify({ __metadata__: { format: 'pt' }, ...Object.fromEntries(entries) });
  const padded = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded]);
}

/** @param {{ shape: number[] }} tensor */
function bytesOf({ shape }) {
  return shape.reduce((product, dimension) => product * dimension, BF16_BYTES);
}

/** Normal numbers in bfloat16 (Box-Muller on a multiplicative congruential generator: the same on every machine). */
function randomBlock() {
  const block = new Uint16Array(BLOCK_LENGTH);
  const float = new Float32Array(1);
  const bits = new Uint32Array(float.buffer);
  let state = 1;
  const uniform = () => {
    state = (state * 48271) % 2147483647; // Park and Miller 1993
    return state / 2147483647;
  };
  for (let i = 0; i < block.length; i++) {
    float[0] = DEVIATION * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    block[i] = (bits[0] + 0x8000) >>> 16;
  }
  return block;
}

/**
 * Where in the block a tensor begins: a hash of its name (FNV-1a).
 * @param {string} name
 */
function placeOf(name) {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % BLOCK_LENGTH;
}

/**
 * @param {number} descriptor
 * @param {Uint16Array} block
 * @param {number} place first element written
 * @param {number} bytes
 */
function writeRepeated(descriptor, block, place, bytes) {
  const source = new Uint8Array(block.buffer);
  for (let left = bytes, from = place * BF16_BYTES; left > 0; from = 0) {
    const piece = source.subarray(from, from + left);
    writeFully(descriptor, piece);
    left -= piece.length;
  }
}

/**
 * @param {number} descriptor
 * @param {Uint8Array} bytes
 */
function writeFully(descriptor, bytes) {
  for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written);
}

/** @param {number} layers */
function configOf(layers) {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: WIDTH,
    intermediate_size: INTERMEDIATE,
    num_hidden_layers: layers,
    num_attention_heads: 32,
    num_key_value_heads: 32,
    hidden_act: 'silu',
    vocab_size: VOCABULARY,
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    rope_scaling: null,
    attention_bias: false,
    tie_word_embeddings: false,
    bos_token_id: 1,
    eos_token_id: 2,
    torch_dtype: 'bfloat16',
  };
}

/**
 * @param {string} path
 * @param {object} value
 */
function writeJson(path, value) {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}
