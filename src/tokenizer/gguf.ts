import { CriaError } from '../base/index.ts';
import type { MetadataValue } from '../checkpoint/index.ts';
import { type AddedToken, type GgufDefinition, idLimit, idsOf, type Merging } from './definition.ts';
import { isIndex } from './json.ts';
import { preTokenizerNamed, preTokenizerNames, stepsOf } from './pretokenizers.ts';
import type { SpecialIds } from './types.ts';

/** The kinds of `tokenizer.ggml.token_type`. (The GGUF specification) */
export const tokenTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** Tokens that end a generation whatever the header says of them, as in llama.cpp. */
const endTokens = new Set([
  '<|eot_id|>',
  '<|im_end|>',
  '<|end|>',
  '<end_of_turn>',
  '<|endoftext|>',
  '</s>',
  '<|eom_id|>',
  '<EOT>',
  '<|end_of_text|>',
  '<end_of_utterance>',
  '<eos>',
  '<｜end▁of▁sentence｜>',
]);

type Metadata = ReadonlyMap<string, MetadataValue>;

/**
 * The tokenizer in a GGUF header, with the meaning that llama.cpp gives it: `gpt2` (byte-level BPE, split as
 * `tokenizer.ggml.pre` says) or `llama` (SentencePiece: merged by score).
 * @throws CriaError when keys are missing or have the wrong shape, or when llama.cpp has other kinds that cria lacks.
 */
export function readGguf(metadata: Metadata, where: string): GgufDefinition {
  const kind = metadata.get('tokenizer.ggml.model');
  if (kind !== 'gpt2' && kind !== 'llama') {
    fail(`a tokenizer of kind '${String(kind)}' is not supported, only 'gpt2' and 'llama' are`, where);
  }
  const tokens = strings(metadata, 'tokens', where) ?? fail("the header has no 'tokenizer.ggml.tokens'", where);
  if (tokens.length > idLimit) throw new CriaError(`the tokenizer has ${tokens.length} tokens`, { where });
  const isBytes = kind === 'gpt2';
  const pre = isBytes ? preTokenizerOf(metadata, where) : undefined;
  const addsSpace = flag(metadata, 'add_space_prefix') ?? !isBytes;
  const types = numbers(metadata, 'token_type', where);
  const special = specialIds(metadata, tokens, isBytes ? {} : { bos: 1, eos: 2, unknown: 0 });
  const around = (key: string, otherwise: boolean, id: number | undefined): number[] => {
    const wanted = flag(metadata, key);
    if (wanted && id === undefined) fail(`'tokenizer.ggml.${key}' is set, but its token is not`, where);
    return (wanted ?? otherwise) && id !== undefined ? [id] : [];
  };
  const eos = idAt(metadata, 'eos_token_id', tokens) ?? (isBytes ? undefined : special.eos[0]);
  return {
    where,
    tokens,
    ids: idsOf(tokens),
    alphabet: isBytes ? 'bytes' : 'characters',
    added: tokens.flatMap((content, id) => addedToken(id, content, types?.[id])),
    ...(pre?.form && { form: pre.form }),
    normalizer: isBytes ? [] : sentencePieceNormalizer(addsSpace),
    preTokenizer: stepsOf(pre?.patterns ?? []),
    merging: isBytes ? ranked(metadata, pre?.wholeWordsFirst ?? false, where) : scored(metadata, tokens.length, where),
    byteFallback: !isBytes,
    unknown: isBytes || special.unknown === undefined ? undefined : { id: special.unknown, fused: false },
    prefix: around('add_bos_token', pre?.addsBos ?? !isBytes, special.bos),
    suffix: around('add_eos_token', false, eos),
    stripsSpace: addsSpace && !isBytes,
    special,
    chatTemplate: text(metadata.get('tokenizer.chat_template')),
    toolTemplate: text(metadata.get('tokenizer.chat_template.tool_use')),
    named: {},
  };
}

/** Spaces become '▁'; `addsSpace` puts one before every text. */
function sentencePieceNormalizer(addsSpace: boolean): GgufDefinition['normalizer'] {
  return [...(addsSpace ? [{ kind: 'prepend', text: '▁' } as const] : []), { kind: 'replace', pattern: ' ', by: '▁' }];
}

function preTokenizerOf(metadata: Metadata, where: string) {
  const name = text(metadata.get('tokenizer.ggml.pre')) ?? 'default';
  const remedy = `supported: ${preTokenizerNames.join(', ')}`;
  return preTokenizerNamed(name) ?? fail(`the pre-tokenizer '${name.slice(0, 80)}' is not supported`, where, remedy);
}

function ranked(metadata: Metadata, wholeWordsFirst: boolean, where: string): Merging {
  const merges = strings(metadata, 'merges', where) ?? fail("the header has no 'tokenizer.ggml.merges'", where);
  return { by: 'rank', merges, wholeWordsFirst };
}

function scored(metadata: Metadata, count: number, where: string): Merging {
  return { by: 'score', scores: numbers(metadata, 'scores', where) ?? new Float32Array(count) };
}

function addedToken(id: number, content: string, type: number | undefined): AddedToken[] {
  const special = type === tokenTypes.control || type === tokenTypes.unknown || endTokens.has(content);
  if (content === '' || !(special || type === tokenTypes.userDefined)) return [];
  const flags = { special, leftStrip: false, rightStrip: false, singleWord: false, normalized: false };
  return [{ id, content, text: content, ...flags }];
}

function specialIds(
  metadata: Metadata,
  tokens: readonly string[],
  defaults: { bos?: number; eos?: number; unknown?: number },
): SpecialIds {
  const idOr = (key: string, otherwise?: number): number | undefined =>
    idAt(metadata, `${key}_token_id`, tokens) ??
    (otherwise !== undefined && otherwise < tokens.length ? otherwise : undefined);
  const [bos, pad, unknown] = [idOr('bos', defaults.bos), idOr('padding'), idOr('unknown', defaults.unknown)];
  const ends = [idOr('eos', defaults.eos), idOr('eot'), idOr('eom')].filter((id) => id !== undefined);
  tokens.forEach((token, id) => {
    if (endTokens.has(token)) ends.push(id);
  });
  return {
    ...(bos !== undefined && { bos }),
    eos: [...new Set(ends)],
    ...(pad !== undefined && { pad }),
    ...(unknown !== undefined && { unknown }),
  };
}

/** An id that is in the vocabulary; others are passed over, as in llama.cpp. */
function idAt(metadata: Metadata, key: string, tokens: readonly string[]): number | undefined {
  const id = metadata.get(`tokenizer.ggml.${key}`);
  return isIndex(id, tokens.length) ? id : undefined;
}

function flag(metadata: Metadata, key: string): boolean | undefined {
  const value = metadata.get(`tokenizer.ggml.${key}`);
  return typeof value === 'boolean' ? value : undefined;
}

function text(value: MetadataValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function strings(metadata: Metadata, key: string, where: string): readonly string[] | undefined {
  const value = metadata.get(`tokenizer.ggml.${key}`);
  if (value === undefined) return undefined;
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new CriaError(`'tokenizer.ggml.${key}' is not a list of strings`, { where });
}

function numbers(metadata: Metadata, key: string, where: string): ArrayLike<number> | undefined {
  const value = metadata.get(`tokenizer.ggml.${key}`);
  if (value === undefined) return undefined;
  if (ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value) && value.every((item) => typeof item === 'number')) return value;
  throw new CriaError(`'tokenizer.ggml.${key}' is not a list of numbers`, { where });
}

function fail(what: string, where: string, remedy?: string): never {
  throw new CriaError(what, { where, ...(remedy && { remedy }) });
}
