import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { provenanceOf } from '../../src/artifact/index.ts';
import { trainTokenizer } from '../../src/tokenizer/index.ts';
import { writeInitialModel } from '../../src/train/index.ts';
import { temporaryFolder } from '../hostile.ts';

const words = ['one', 'two', 'three', 'four', 'five', 'six', 'seven'];

const question = (i: number) => `after ${words[i % 6]} comes`;
const answer = (i: number) => ` ${words[(i % 6) + 1]}`;

/** Rows of every form, in which there is something to learn. */
export const rows = {
  text: Array.from({ length: 12 }, (_, i) => ({ text: `${question(i)}${answer(i)}.` })),
  completion: Array.from({ length: 12 }, (_, i) => ({ prompt: question(i), completion: answer(i) })),
  messages: Array.from({ length: 12 }, (_, i) => ({
    messages: [
      { role: 'user', content: question(i) },
      { role: 'assistant', content: answer(i) },
    ],
  })),
  preferences: Array.from({ length: 12 }, (_, i) => ({
    prompt: question(i),
    chosen: answer(i),
    rejected: ' one', // what is wrong everywhere can be learned without looking at the prompt
  })),
};

/** Writes rows as JSON lines to a file, by default one that goes away with the test. */
export function dataFile(values: readonly unknown[], path: string = join(temporaryFolder(), 'data.jsonl')): string {
  writeFileSync(path, values.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
}

const vocabulary = 300;

/** The files of a small tokenizer with a chat template. */
function tinyTokenizer(): Readonly<Record<string, string>> {
  return {
    ...trainTokenizer(
      rows.text.map(({ text }) => text),
      vocabulary,
    ),
  };
}

const config = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: vocabulary,
  hidden_size: 16,
  intermediate_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 2,
  head_dim: 8,
  max_position_embeddings: 48,
  hidden_act: 'silu',
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: true,
  attention_bias: false,
  mlp_bias: false,
  bos_token_id: 1,
  eos_token_id: 2,
  pad_token_id: 0,
};

/** Writes a model of two blocks that has learned nothing, with what is `changed` in its configuration. */
export async function tinyModel(
  changed: Readonly<Record<string, unknown>> = {},
  path: string = join(temporaryFolder(), 'tiny'),
): Promise<string> {
  const provenance = provenanceOf('test', 'tiny', {}, 0);
  await writeInitialModel(path, { ...config, ...changed }, tinyTokenizer(), 3, provenance, false);
  return path;
}

/** How many lines a file has. */
export const linesIn = (path: string): number =>
  existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0;

/** The lines of a log. */
export function logIn(
  path: string,
): readonly { step: number; loss: number; gradNorm: number; tokensPerSecond: number }[] {
  return readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}
