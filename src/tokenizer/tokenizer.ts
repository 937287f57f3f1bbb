import { join } from 'node:path';
import { CriaError } from '../base/index.ts';
import type { MetadataValue, TokenizerSource } from '../checkpoint/index.ts';
import { finder } from './added.ts';
import { type ChatTemplate, chatTemplate } from './chat.ts';
import { decoder } from './decode.ts';
import type { AddedToken, Definition } from './definition.ts';
import { readGguf } from './gguf.ts';
import { readFolder } from './huggingface.ts';
import { readJson, readText } from './json.ts';
import { model } from './model.ts';
import { normalizer } from './normalize.ts';
import { splitter } from './split.ts';
import type { Tokenizer } from './types.ts';
import { ggufKeys } from './write-gguf.ts';
import { tokenizerConfig, tokenizerJson } from './write-huggingface.ts';

/**
 * Opens the tokenizer that a checkpoint describes, in tokenizer.json or in a GGUF header: byte-level BPE, or
 * SentencePiece's BPE with byte fallback. From a GGUF header the ids are llama.cpp's, from a folder those of Hugging
 * Face's tokenizers. A token that stands twice encodes to its first id. `generation` is the checkpoint's generation_config: more ids that end a generation.
 * @throws CriaError when the description is missing, broken, or of another kind.
 */
export function openTokenizer(source: TokenizerSource, generation: Readonly<Record<string, unknown>> = {}): Tokenizer {
  if (source.kind === 'folder') {
    const definition = readFolder(source.path, generation);
    return tokenizer(definition, {
      gguf: () => ggufKeys(definition),
      huggingFace: () => folderFiles(source.path, definition),
    });
  }
  const definition = readGguf(source.metadata, source.path);
  return tokenizer(definition, {
    gguf: () => new Map([...source.metadata].filter(([key]) => key.startsWith('tokenizer.'))),
    huggingFace: () => ({
      'tokenizer.json': tokenizerJson(definition),
      'tokenizer_config.json': tokenizerConfig(definition),
    }),
  });
}

interface Writers {
  readonly gguf: () => Map<string, MetadataValue>;
  readonly huggingFace: () => ReturnType<Tokenizer['huggingFaceFiles']>;
}

function tokenizer(definition: Definition, write: Writers): Tokenizer {
  const { tokens, ids, prefix, suffix } = definition;
  const textEncoder = encoder(definition);
  const open = decoder(definition);
  let template: ChatTemplate | undefined;
  return {
    vocabularySize: tokens.length,
    encode(text, { special = true, parseSpecial = true } = {}) {
      const out = special ? [...prefix] : [];
      textEncoder(text, parseSpecial, out);
      if (special) out.push(...suffix);
      return out;
    },
    decode(list, { skipSpecial = false } = {}) {
      const stream = open(skipSpecial);
      return list.map(stream.push).join('') + stream.finish();
    },
    stream: ({ skipSpecial = false } = {}) => open(skipSpecial),
    tokenOf: (id) => tokens[id] ?? '',
    idOf: (token) => ids.get(token),
    special: definition.special,
    chatTemplate: definition.chatTemplate,
    applyChatTemplate(messages, { addGenerationPrompt = false } = {}) {
      template ??= templateOf(definition);
      return template(messages, addGenerationPrompt);
    },
    ggufMetadata: write.gguf,
    huggingFaceFiles: write.huggingFace,
  };
}

/** Added tokens are found, the text between them is normalized, split, and merged. */
function encoder(definition: Definition): (text: string, parseSpecial: boolean, out: number[]) => void {
  const { where, added } = definition;
  const normalize = normalizer(definition.normalizer, where);
  const preTokenize = splitter(definition.preTokenizer, where);
  const encodePiece = model(definition);
  const finders = (tokens: readonly AddedToken[]) => {
    const which = (normalized: boolean) => tokens.filter((token) => token.normalized === normalized);
    return {
      raw: finder(which(false), (content) => content, where),
      normalized: finder(which(true), normalize, where),
    };
  };
  const all = finders(added);
  const plain = finders(added.filter((token) => !token.special));
  return (text, parseSpecial, out) => {
    const { raw, normalized } = parseSpecial ? all : plain;
    const wellFormed = text.replace(/\p{Surrogate}/gu, '\uFFFD');
    raw(wellFormed).forEach((section, outer) => {
      const parts = typeof section === 'number' ? [section] : normalized(normalize(section));
      parts.forEach((part, inner) => {
        if (typeof part === 'number') out.push(part);
        else for (const piece of preTokenize(part, outer + inner === 0)) encodePiece(piece, out);
      });
    });
  };
}

function templateOf({ chatTemplate: source, special, tokens, where }: Definition): ChatTemplate {
  if (source === undefined) {
    const remedy = 'it is a base model: give it plain text, or use an instruct model';
    throw new CriaError('the model has no chat template', { where, remedy });
  }
  const roles = {
    bos_token: special.bos,
    eos_token: special.eos[0],
    pad_token: special.pad,
    unk_token: special.unknown,
  };
  const present = Object.entries(roles).flatMap(([role, id]) => (id === undefined ? [] : [[role, tokens[id] ?? '']]));
  return chatTemplate(source, Object.fromEntries(present), where);
}

/** The folder's own files; a template that has a file of its own is put into the configuration. */
function folderFiles(
  folder: string,
  { chatTemplate: template, where }: Definition,
): ReturnType<Tokenizer['huggingFaceFiles']> {
  const own = readText(where);
  if (own === undefined) throw new CriaError('was there and is gone', { where, kind: 'failure' });
  const config = readJson(join(folder, 'tokenizer_config.json')) ?? { tokenizer_class: 'PreTrainedTokenizerFast' };
  const complete = { ...config, ...(template !== undefined && { chat_template: template }) };
  return { 'tokenizer.json': own, 'tokenizer_config.json': `${JSON.stringify(complete, undefined, 2)}\n` };
}
