import { bytesOfToken } from './alphabet.ts';
import type { AddedToken, GgufDefinition, Merge, Split, TextStep } from './definition.ts';

/** tokenizer.json, for Hugging Face's tokenizers, of what a GGUF header described. */
export function tokenizerJson(definition: GgufDefinition): string {
  const { tokens, alphabet, merging } = definition;
  const isBytes = alphabet === 'bytes';
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: definition.added.map(addedTokenJson),
    normalizer: sequence('normalizers', [
      ...(definition.form ? [{ type: definition.form }] : []),
      ...definition.normalizer.map(normalizerJson),
    ]),
    pre_tokenizer: sequence('pretokenizers', [
      ...definition.preTokenizer.map(splitJson),
      ...(isBytes ? [byteLevel(false)] : []),
    ]),
    post_processor: postProcessor(definition),
    decoder: isBytes ? byteLevel(true) : characterDecoder(definition.stripsSpace),
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: definition.unknown ? tokens[definition.unknown.id] : null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: definition.unknown?.fused ?? false,
      byte_fallback: definition.byteFallback,
      ignore_merges: merging.by === 'rank' && merging.wholeWordsFirst,
      vocab: Object.fromEntries(definition.ids),
      merges: merging.by === 'rank' ? merging.merges : mergesFromScores(definition, merging.scores),
    },
  });
}

/** tokenizer_config.json: the roles of special tokens, and the chat template. */
export function tokenizerConfig(definition: GgufDefinition): string {
  const { special, tokens, chatTemplate } = definition;
  const token = (id: number | undefined) => (id === undefined ? null : tokens[id]);
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: token(special.bos),
    eos_token: token(special.eos[0]),
    pad_token: token(special.pad),
    unk_token: token(special.unknown),
    clean_up_tokenization_spaces: false,
    ...(chatTemplate !== undefined && { chat_template: chatTemplate }),
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

/**
 * The merge rules that do what scores do: for every token all its cuts into two tokens, the highest score first.
 * (As transformers converts SentencePiece models.)
 */
function mergesFromScores(definition: GgufDefinition, scores: ArrayLike<number>): Merge[] {
  const { tokens, ids, added } = definition;
  const found = new Set(added.map((token) => token.id));
  const byScore = tokens.map((_, id) => id).filter((id) => !found.has(id) && ids.get(tokens[id] as string) === id);
  byScore.sort((a, b) => (scores[b] as number) - (scores[a] as number));
  return byScore.flatMap((id) => {
    const token = tokens[id] as string;
    if (token.startsWith('<0x') && bytesOfToken(token, 'characters').length === 1) return [];
    return cutsOf(token).filter(([left, right]) => ids.has(left) && ids.has(right));
  });
}

/** All ways to cut a token in two between characters. */
function cutsOf(token: string): [string, string][] {
  const characters = Array.from(token);
  const cuts: [string, string][] = [];
  for (let at = 0, count = 1; count < characters.length; count++) {
    at += (characters[count - 1] as string).length;
    cuts.push([token.slice(0, at), token.slice(at)]);
  }
  return cuts;
}

function addedTokenJson(token: AddedToken) {
  const { id, content, special, normalized } = token;
  return {
    id,
    content,
    single_word: token.singleWord,
    lstrip: token.leftStrip,
    rstrip: token.rightStrip,
    normalized,
    special,
  };
}

function normalizerJson(step: TextStep) {
  if (step.kind === 'prepend') return { type: 'Prepend', prepend: step.text };
  return { type: 'Replace', pattern: { Regex: step.pattern }, content: step.by };
}

function splitJson({ pattern }: Split<'isolated'>) {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
}

function sequence(members: string, steps: readonly object[]) {
  return steps.length === 0 ? null : { type: 'Sequence', [members]: steps };
}

function byteLevel(addPrefixSpace: boolean) {
  return { type: 'ByteLevel', add_prefix_space: addPrefixSpace, trim_offsets: true, use_regex: false };
}

function characterDecoder(stripsSpace: boolean) {
  const decoders = [
    { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
    ...(stripsSpace ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
  ];
  return { type: 'Sequence', decoders };
}

function postProcessor({ prefix, suffix, tokens }: GgufDefinition) {
  if (prefix.length + suffix.length === 0) return null;
  const item = (id: number) => ({ SpecialToken: { id: tokens[id], type_id: 0 } });
  const text = (id: 'A' | 'B') => [...prefix.map(item), { Sequence: { id, type_id: 0 } }, ...suffix.map(item)];
  const special = [...prefix, ...suffix].map((id) => [tokens[id], { id: tokens[id], ids: [id], tokens: [tokens[id]] }]);
  return {
    type: 'TemplateProcessing',
    single: text('A'),
    pair: [...text('A'), ...text('B')],
    special_tokens: Object.fromEntries(special),
  };
}
