/**
 * Writes odd texts and the ids that llama.cpp gives them, for every model named.
 *
 *     npm install node-llama-cpp   (anywhere; run from that folder)
 *     node PATH/make_tokenizer_extra.mjs COUNT SEED OUT.json MODEL.gguf...
 *
 * Texts are drawn from fragments that trouble tokenizers: spaces of all kinds, digits of many scripts, contractions,
 * emoji sequences, combining marks, right-to-left and Asian scripts, control characters, special tokens and parts of them.
 */
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [count, seed, out, ...models] = process.argv.slice(2);
const peer = join(process.cwd(), 'node_modules', 'node-llama-cpp', 'dist', 'index.js');
const { getLlama } = await import(pathToFileURL(peer).href);

const fragments = [
  ' ', ' ', ' ', '  ', '   ', '          ', '\t', '\t\t', '\n', '\n\n', '\r\n', '\r', '\u00a0', '\u2003', '\u3000', '\u0085', '\u200b', '\ufeff', '\u2028',
  'the', ' the', 'Hello', ' world', 'tokenization', ' internationalization', 'iPhone', 'XMLHttpRequest', 'ALLCAPS', 'a', ' I', 'Zürich', 'naïve', ' café', 'straße', 'ĳ', 'ǅ',
  "'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'LL", "’s", "don't", "'", "''", '"', '``', '“x”',
  '0', '1', '42', '007', '3.14', '1,000,000', '12345678', '٠١٢٣', '१२३', '½', 'Ⅷ', '²', '①', '〇', '𝟘𝟙', '๓',
  '.', ',', '...', '!!', '?!', '—', '–', '-', '--', '_', '__init__', '#', '##', '/', '//', '\\', '|', '||', '~', '^', '`', '+', '=', '==', '<', '>', '<>', '$', '€', '£5', '%', '&', '@', '*', '**', '(', ')', '[', ']', '{', '}', '{{', ';', ':', '::', '§', '¿', '¡', '™', '∑', '≠', '→',
  'Привет', ' мир', 'Ελλάδα', 'שָׁלוֹם', 'مرحبا', ' العربية', 'नमस्ते', 'ภาษาไทย', 'မြန်မာ', '中文', '漢字', 'かな', 'カタカナ', '한국어', '각', 'Tiếng Việt', 'ქართული', 'አማርኛ', '𐍈', '𠮷', '龍',
  '😀', '👨‍👩‍👧‍👦', '🏳️‍🌈', '👍🏽', '🇧🇷', '❤️', '☕', '\ufe0f', '\u200d',
  'e\u0301', 'n\u0303', '\u0301', '\u0489', '\u20dd', 'ﬁ', 'Å',
  '\u0000', '\u0001', '\u0007', '\u001b[0m', '\u007f', '\u009f', '\u00ad', '\ufffd', '\ufffe', '\u{10ffff}', '\u{e0001}', '\ue000',
  '<|im_start|>', '<|im_end|>', '<|im_end', '<|im_', '|>', '<|endoftext|>', '<s>', '</s>', '<unk>', '<pad>', '<bos>', '<eos>', '<start_of_turn>', '<end_of_turn>', '<0x0A>', '<0xFF>', '<h1>', '</table>', '<jupyter_code>', '<reponame>', '▁', '▁▁', 'Ġ', 'Ċ', '<empty_output>', '<unused7>', '[multimodal]',
  'def f(x):\n    return x', 'https://example.com/?q=a&b=%20', '{"a": [1, 2]}', 'x'.repeat(70), 'ab'.repeat(40), '='.repeat(33), '\n'.repeat(40), ' '.repeat(40),
];

/** Uniform whole numbers below a limit, from a seed (mulberry32). */
function dice(state) {
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), 1 | state);
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
    return Math.floor((((z ^ (z >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

function texts() {
  const roll = dice(Number(seed));
  const character = () => {
    const range = [[0x20, 0x7f], [0xa0, 0x24f], [0x300, 0x6ff], [0x900, 0xdff], [0x2000, 0x2bff], [0x3040, 0x30ff], [0x4e00, 0x9fff], [0xac00, 0xd7a3], [0x1f300, 0x1faff]][roll(9)];
    return String.fromCodePoint(range[0] + roll(range[1] - range[0]));
  };
  const piece = () => (roll(5) === 0 ? character() : fragments[roll(fragments.length)]);
  return Array.from({ length: Number(count) }, () => Array.from({ length: 1 + roll(9) }, piece).join(''));
}

const llama = await getLlama({ gpu: false, logLevel: 'disabled' });
const drawn = texts();

/** Ids with special tokens found in the text, and, where they differ, with none. Begin and end tokens are not added. */
async function idsOf(modelPath) {
  const model = await llama.loadModel({ modelPath, vocabOnly: true });
  return drawn.map((text) => {
    const [ids, plain] = [model.tokenize(text, true), model.tokenize(text, false)];
    return JSON.stringify(ids) === JSON.stringify(plain) ? { ids } : { ids, plain };
  });
}

const lines = (items) => `[\n${items.map((item) => JSON.stringify(item)).join(',\n')}\n]`;
const parts = [];
for (const path of models) parts.push(`${JSON.stringify(basename(path, '.gguf'))}: ${lines(await idsOf(path))}`);
const madeBy = 'llama.cpp (node-llama-cpp), make_tokenizer_extra.mjs';
writeFileSync(out, `{"made_by": "${madeBy}",\n"texts": ${lines(drawn)},\n"models": {${parts.join(',\n')}}}\n`);
