/**
 * Writes a GGUF file with the types of Q4_K_M and random weights: what opening and decoding of large files are measured on.
 *
 *   node write-q4-k-m.mjs OUT.gguf --tokenizer FROM.gguf [--shape 7b]
 *
 * Shapes: `1b` (hidden size 2048, 16 layers) and `7b` (Llama 2's). The vocabulary is that of FROM, whose tokenizer is
 * copied. Matrices repeat one block of normal numbers (deviation 0.02) from places of their own. As llama.cpp has it,
 * value and down projections are Q6_K in the first and the last eighth of the layers and in every third between, the head too.
 */
import { parseArgs } from 'node:util';
import { randomFrom } from 'cria/base';
import { encodeStored, ggufFromHuggingFace, packingOf, readGgufHeader, writeGguf } from 'cria/checkpoint';

const shapes = {
  '1b': { hidden_size: 2048, intermediate_size: 5632, num_hidden_layers: 16, num_attention_heads: 32 },
  '7b': { hidden_size: 4096, intermediate_size: 11008, num_hidden_layers: 32, num_attention_heads: 32 },
};
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { tokenizer: { type: 'string' }, shape: { type: 'string', default: '7b' } },
});
const [out] = positionals;
const shape = shapes[values.shape];
if (!out || !values.tokenizer || !shape) {
  console.error('usage: node write-q4-k-m.mjs OUT.gguf --tokenizer FROM.gguf [--shape 1b|7b]');
  process.exit(2);
}
const carried = readGgufHeader(values.tokenizer);
const config = {
  ...shape,
  model_type: 'llama',
  vocab_size: /** @type {string[]} */ (carried.values.get('tokenizer.ggml.tokens')).length,
  max_position_embeddings: 4096,
  num_key_value_heads: shape.num_attention_heads,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: false,
  hidden_act: 'silu',
};

const blockValues = 2 ** 18;
const random = randomFrom(1);
const normal = () => 0.02 * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
const source = Float32Array.from({ length: blockValues }, normal);
const encoded = { Q4_K: encodeStored('Q4_K', source), Q6_K: encodeStored('Q6_K', source) };

/** Bytes of a matrix: the block again and again, from a place of its own. */
function repeated(type, count) {
  const { elements, bytes } = packingOf(type);
  const from = encoded[type];
  const into = new Uint8Array((count / elements) * bytes);
  let place = Math.floor((random() * blockValues) / elements) * bytes;
  for (let at = 0; at < into.length; place = 0) {
    const piece = from.subarray(place, place + into.length - at);
    into.set(piece, at);
    at += piece.length;
  }
  return into;
}

const matrix = (name, rows, columns, type = 'Q4_K') => {
  return { name, shape: [rows, columns], type, bytes: () => repeated(type, rows * columns) };
};
const norm = (name, size) => {
  return { name, shape: [size], type: 'F32', bytes: () => new Uint8Array(new Float32Array(size).fill(1).buffer) };
};

function layer(index) {
  const { hidden_size: hidden, intermediate_size: inner, num_hidden_layers: layers } = config;
  const eighth = Math.floor(layers / 8);
  const isMore = index < eighth || index >= layers - eighth || (index - eighth) % 3 === 2;
  const more = isMore ? 'Q6_K' : 'Q4_K';
  const at = `model.layers.${index}.`;
  return [
    norm(`${at}input_layernorm.weight`, hidden),
    matrix(`${at}self_attn.q_proj.weight`, hidden, hidden),
    matrix(`${at}self_attn.k_proj.weight`, hidden, hidden),
    matrix(`${at}self_attn.v_proj.weight`, hidden, hidden, more),
    matrix(`${at}self_attn.o_proj.weight`, hidden, hidden),
    norm(`${at}post_attention_layernorm.weight`, hidden),
    matrix(`${at}mlp.gate_proj.weight`, inner, hidden),
    matrix(`${at}mlp.up_proj.weight`, inner, hidden),
    matrix(`${at}mlp.down_proj.weight`, hidden, inner, more),
  ];
}

const { hidden_size: hidden, num_hidden_layers: layers, vocab_size: vocabulary } = config;
const tensors = [
  matrix('model.embed_tokens.weight', vocabulary, hidden),
  ...Array.from({ length: layers }, (_, index) => layer(index)).flat(),
  norm('model.norm.weight', hidden),
  matrix('lm_head.weight', vocabulary, hidden, 'Q6_K'),
];
await writeGguf(out, ggufFromHuggingFace({ path: out, config, tensors, carried }));
