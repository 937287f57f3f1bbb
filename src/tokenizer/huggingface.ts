import { join } from 'node:path';
import { CriaError } from '../base/index.ts';
import { declaredTokens, namedExtras } from './declared.ts';
import { type AddedToken, type Definition, idLimit, idsOf, type Merge, type Merging } from './definition.ts';
import { inSequence, isIndex, isObject, type Json, objectsIn, readJson, readText } from './json.ts';
import { readNormalizer, readPreTokenizer } from './steps.ts';
import type { SpecialIds } from './types.ts';

/**
 * The tokenizer of a Hugging Face folder: tokenizer.json, and what tokenizer_config.json, special_tokens_map.json and
 * chat_template.jinja add. `generation` is generation_config.json: its end-of-text ids end a generation too.
 * @throws CriaError when a file is missing, broken, or describes a tokenizer that is not byte-pair encoding.
 */
export function readFolder(folder: string, generation: Json): Definition {
  const where = join(folder, 'tokenizer.json');
  const json = readJson(where);
  if (!json) {
    const remedy = 'save the tokenizer with transformers, which writes that file';
    throw new CriaError('the folder has no tokenizer.json', { where: folder, remedy });
  }
  const model = isObject(json.model) ? json.model : {};
  if ((model.type ?? 'BPE') !== 'BPE' || !isObject(model.vocab)) {
    throw new CriaError(`a tokenizer of type '${String(model.type)}' is not supported, only BPE is`, { where });
  }
  for (const option of ['continuing_subword_prefix', 'end_of_word_suffix']) {
    if (model[option]) throw new CriaError(`a tokenizer with '${option}' is not supported`, { where });
  }
  const { byteLevel, steps } = readPreTokenizer(json.pre_tokenizer, where);
  const alphabet = byteLevel ? 'bytes' : 'characters';
  const config = readConfig(folder);
  const own = objectsIn(json.added_tokens, 'added_tokens', where).map((token) => addedToken(token, alphabet, where));
  const { added, tokens, ids } = withDeclared(config, own, tokensOf(model.vocab, own, where), alphabet, where);
  const unknown = idOf(model.unk_token, ids);
  return {
    where,
    tokens,
    ids,
    alphabet,
    added,
    normalizer: readNormalizer(json.normalizer, where),
    preTokenizer: steps,
    merging: mergingOf(model, where),
    byteFallback: model.byte_fallback === true && !byteLevel,
    unknown: unknown === undefined ? undefined : { id: unknown, fused: model.fuse_unk === true },
    ...postProcessor(json.post_processor, ids, where),
    stripsSpace: stripsSpace(json.decoder),
    special: specialIds(config, unknown, ids, generation),
    chatTemplate: templateOf(config.chat_template, 'default'),
    toolTemplate: templateOf(config.chat_template, 'tool_use'),
    named: namedTokens(config),
  };
}

/**
 * The tokenizer_config.json of a folder, with what its other files add: roles that special_tokens_map.json gives, and
 * the template of chat_template.jinja.
 */
export function readConfig(folder: string): Json {
  const map = Object.entries(readJson(join(folder, 'special_tokens_map.json')) ?? {});
  const roles = Object.fromEntries(map.filter(([key]) => key.endsWith('_token')));
  const config = readJson(join(folder, 'tokenizer_config.json')) ?? { tokenizer_class: 'PreTrainedTokenizerFast' };
  const template = readText(join(folder, 'chat_template.jinja'));
  return { ...roles, ...config, ...(template !== undefined && { chat_template: template }) };
}

/** The tokens with those that the configuration alone declares. */
function withDeclared(
  config: Json,
  own: readonly AddedToken[],
  tokens: readonly string[],
  alphabet: Definition['alphabet'],
  where: string,
): Pick<Definition, 'added' | 'tokens' | 'ids'> {
  const ids = idsOf(tokens);
  const present = new Set(own.map(({ content }) => content));
  const declared = declaredTokens(
    config,
    (content) => present.has(content),
    (content) => ids.get(content),
    tokens.length,
    where,
  ).map((token) => addedToken(token, alphabet, where));
  if (declared.length === 0) return { added: own, tokens, ids };
  const all = [...tokens];
  for (const { id, content } of declared) all[id] = content;
  return { added: [...own, ...declared], tokens: all, ids: idsOf(all) };
}

function addedToken(token: Json, alphabet: Definition['alphabet'], where: string): AddedToken {
  if (!isIndex(token.id, idLimit) || typeof token.content !== 'string') {
    throw new CriaError('an added token has no valid id and content', { where });
  }
  const special = token.special === true;
  return {
    id: token.id,
    content: token.content,
    text: special || alphabet === 'bytes' ? token.content : token.content.replaceAll('▁', ' '),
    special,
    leftStrip: token.lstrip === true,
    rightStrip: token.rstrip === true,
    singleWord: token.single_word === true,
    normalized: token.normalized === true,
  };
}

function tokensOf(vocab: Json, added: readonly AddedToken[], where: string): string[] {
  const tokens: string[] = [];
  for (const token in vocab) {
    const id = vocab[token];
    if (!isIndex(id, idLimit)) throw new CriaError(`the token '${token.slice(0, 80)}' has no valid id`, { where });
    tokens[id] = token;
  }
  for (const { id, content } of added) tokens[id] = content;
  return Array.from(tokens, (token) => token ?? '');
}

function mergingOf(model: Json, where: string): Merging {
  const isMerge = (rule: unknown): rule is Merge =>
    typeof rule === 'string' ||
    (Array.isArray(rule) && rule.length === 2 && rule.every((side) => typeof side === 'string'));
  if (!Array.isArray(model.merges) || !model.merges.every(isMerge)) {
    throw new CriaError("'merges' is not a list of token pairs", { where });
  }
  return { by: 'rank', merges: model.merges, wholeWordsFirst: model.ignore_merges === true };
}

/** Ids before and after a text, from a TemplateProcessing post-processor. */
function postProcessor(
  value: unknown,
  ids: ReadonlyMap<string, number>,
  where: string,
): { prefix: number[]; suffix: number[] } {
  const [prefix, suffix]: [number[], number[]] = [[], []];
  for (const processor of inSequence(value, 'processors', where)) {
    if (processor.type === 'ByteLevel') continue; // it only moves offsets
    if (processor.type !== 'TemplateProcessing') {
      throw new CriaError(`the post-processor '${String(processor.type)}' is not supported`, { where });
    }
    let side = prefix;
    for (const item of objectsIn(processor.single, 'single', where)) {
      if (isObject(item.Sequence)) side = suffix;
      const id = isObject(item.SpecialToken) ? idOf(item.SpecialToken.id, ids) : undefined;
      if (id !== undefined) side.push(id);
    }
  }
  return { prefix, suffix };
}

/** Decoders that take the leading space off. */
function stripsSpace(decoder: unknown): boolean {
  if (!isObject(decoder)) return false;
  if (Array.isArray(decoder.decoders)) return decoder.decoders.some(stripsSpace);
  if (decoder.type === 'Metaspace') return decoder.prepend_scheme !== 'never';
  return decoder.type === 'Strip' && decoder.content === ' ' && Number(decoder.start) > 0;
}

function specialIds(
  names: Json,
  unknown: number | undefined,
  ids: ReadonlyMap<string, number>,
  generation: Json,
): SpecialIds {
  const named = (role: string): number | undefined => {
    const token = names[`${role}_token`];
    return idOf(isObject(token) ? token.content : token, ids);
  };
  const [bos, pad, unk] = [named('bos'), named('pad'), named('unk') ?? unknown];
  const ends = [named('eos'), generation.eos_token_id].flat().filter((id) => isIndex(id, idLimit));
  return {
    ...(bos !== undefined && { bos }),
    eos: [...new Set(ends)],
    ...(pad !== undefined && { pad }),
    ...(unk !== undefined && { unknown: unk }),
  };
}

/** The id of a token, if that is what the value is: null is not the token 'null'. */
function idOf(token: unknown, ids: ReadonlyMap<string, number>): number | undefined {
  return typeof token === 'string' ? ids.get(token) : undefined;
}

/** Tokens that no role of cria's stands for, but a chat template may read. */
function namedTokens(config: Json): Record<string, string> {
  const others = ['sep_token', 'cls_token', 'mask_token'].map((name) => [name, config[name]] as const);
  const entries = [...others, ...namedExtras(config)].map(([name, token]) => {
    return [name, isObject(token) ? token.content : token] as const;
  });
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

/** One of several templates by name; the only one is the default. */
function templateOf(value: unknown, name: 'default' | 'tool_use'): string | undefined {
  if (typeof value === 'string') return name === 'default' ? value : undefined;
  if (!Array.isArray(value)) return undefined;
  const chosen: unknown = value.find((entry) => isObject(entry) && entry.name === name);
  return isObject(chosen) && typeof chosen.template === 'string' ? chosen.template : undefined;
}
