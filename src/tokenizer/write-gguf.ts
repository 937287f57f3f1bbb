import { CriaError } from '../base/index.ts';
import type { MetadataValue } from '../checkpoint/index.ts';
import { type Definition, sidesOf } from './definition.ts';
import { tokenTypes } from './gguf.ts';
import { nameOfPreTokenizer } from './pretokenizers.ts';

/**
 * The `tokenizer.*` keys of a GGUF header for a tokenizer that a Hugging Face folder described.
 * @throws CriaError when llama.cpp has no name for its pre-tokenizer.
 */
export function ggufKeys(definition: Definition): Map<string, MetadataValue> {
  const { tokens, added, special, chatTemplate, alphabet } = definition;
  const isBytes = alphabet === 'bytes';
  const texts = new Map(added.map(({ id, text }) => [id, text])); // llama.cpp prints these as they are written
  const keys = new Map<string, MetadataValue | undefined>([
    ['ggml.model', isBytes ? 'gpt2' : 'llama'],
    ['ggml.pre', isBytes ? preName(definition) : 'default'],
    ['ggml.tokens', tokens.map((token, id) => ggufSpelling(texts.get(id) ?? token, id))],
    ['ggml.token_type', typesOf(definition)],
    ...(isBytes
      ? ([['ggml.merges', mergesOf(definition)]] as const)
      : ([['ggml.scores', scoresOf(definition)]] as const)),
    ['ggml.bos_token_id', special.bos],
    ['ggml.eos_token_id', special.eos[0]],
    ['ggml.eot_token_id', special.eos[1]], // llama.cpp ends a text at these too
    ['ggml.eom_token_id', special.eos[2]],
    ['ggml.padding_token_id', special.pad],
    ['ggml.unknown_token_id', special.unknown],
    ['ggml.add_bos_token', definition.prefix.length > 0],
    ['ggml.add_eos_token', definition.suffix.length > 0],
    ['ggml.add_space_prefix', addsSpace(definition)],
    ['chat_template', chatTemplate],
  ]);
  const present = [...keys].filter((entry): entry is [string, MetadataValue] => entry[1] !== undefined);
  return new Map(present.map(([key, value]) => [`tokenizer.${key}`, value]));
}

/** Every id needs a token of its own. */
function ggufSpelling(token: string, id: number): string {
  return token === '' ? `[PAD${id}]` : token;
}

function preName({ merging, preTokenizer, where }: Definition): string {
  const name = nameOfPreTokenizer(preTokenizer, merging.by === 'rank' && merging.wholeWordsFirst);
  if (name !== undefined) return name;
  const remedy = 'convert the checkpoint to safetensors instead';
  throw new CriaError('llama.cpp does not support this pre-tokenizer', { where, remedy });
}

function typesOf({ tokens, added, alphabet, unknown }: Definition): Int32Array {
  const types = Int32Array.from(tokens, (token) => {
    if (token === '') return tokenTypes.unused;
    return alphabet === 'characters' && /^<0x[0-9A-F]{2}>$/.test(token) ? tokenTypes.byte : tokenTypes.normal;
  });
  for (const { id, special } of added) types[id] = special ? tokenTypes.control : tokenTypes.userDefined;
  if (unknown) types[unknown.id] = tokenTypes.unknown;
  return types;
}

function mergesOf({ merging, where }: Definition): string[] {
  if (merging.by === 'score') return [];
  return merging.merges.map((rule) => sidesOf(rule, where).join(' '));
}

/**
 * Scores with the effect of merge rules: minus the place of the first rule that makes the token. What no rule makes
 * is scored below all.
 */
function scoresOf({ merging, tokens, ids, where }: Definition): Float32Array {
  if (merging.by === 'score')
    return Float32Array.from({ length: tokens.length }, (_, id) => merging.scores[id] as number);
  const scores = new Float32Array(tokens.length).fill(-merging.merges.length - 1);
  for (let rank = merging.merges.length - 1; rank >= 0; rank--) {
    const id = ids.get(sidesOf(merging.merges[rank] as string, where).join(''));
    if (id !== undefined) scores[id] = -rank;
  }
  return scores;
}

function addsSpace({ alphabet, normalizer, preTokenizer }: Definition): boolean {
  if (alphabet === 'bytes') return preTokenizer.some((step) => step.kind === 'prefix-space');
  const prepends = preTokenizer.some((step) => step.kind === 'metaspace' && step.prepend !== 'never');
  return prepends || normalizer.some((step) => step.kind === 'prepend');
}
