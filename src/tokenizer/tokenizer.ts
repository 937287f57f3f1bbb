import { CriaError, Real } from '../base/index.ts';
import type { MetadataValue, TokenizerSource } from '../checkpoint/index.ts';
import { finder, mark, markAll, marker } from './added.ts';
import { type ChatTemplate, chatTemplate as writerOf } from './chat.ts';
import { decoder } from './decode.ts';
import type { AddedToken, Definition } from './definition.ts';
import { readGguf } from './gguf.ts';
import { readConfig, readFolder } from './huggingface.ts';
import { readText } from './json.ts';
import { model } from './model.ts';
import { normalizer } from './normalize.ts';
import { splitter } from './split.ts';
import type { Tokenizer } from './types.ts';
import { ggufKeys } from './write-gguf.ts';
import { tokenizerConfig, tokenizerJson } from './write-huggingface.ts';

/**
 * Opens the tokenizer that a checkpoint describes, in tokenizer.json or in a GGUF header: byte-level BPE, or
 * SentencePiece's BPE with byte fallback. From a GGUF header the ids are llama.cpp's, from a folder those of Hugging
 * Face's tokenizers. A token that stands twice encodes to its first id. `generation` is the checkpoint's generation_config: more ids that end a generation. `template` is a chat template that is used instead of the model's.
 * @throws CriaError when the description is missing, broken, or of another kind.
 */
export function openTokenizer(
  source: TokenizerSource,
  generation: Readonly<Record<string, unknown>> = {},
  template?: string,
): Tokenizer {
  if (source.kind === 'folder') {
    const definition = readFolder(source.path, generation);
    return tokenizer(definition, template, {
      gguf: () => ggufKeys(definition),
      huggingFace: () => folderFiles(source.path, definition.where),
    });
  }
  const definition = readGguf(source.metadata, source.path);
  return tokenizer(definition, template, {
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

function tokenizer(definition: Definition, ownTemplate: string | undefined, write: Writers): Tokenizer {
  const { tokens, ids, prefix, suffix } = definition;
  const { encode, disarm } = encoder(definition);
  const open = decoder(definition);
  let template: ChatTemplate | undefined;
  let words: ReadonlySet<string> | undefined;
  const applyChatTemplate: Tokenizer['applyChatTemplate'] = (messages, options = {}) => {
    template ??= templateOf(definition, ownTemplate);
    return template(messages, options);
  };
  return {
    vocabularySize: tokens.length,
    encode(text, { special = true, continued = false, parseSpecial = true } = {}) {
      const out = special ? [...prefix] : [];
      encode(text, parseSpecial ? 'special' : 'plain', out);
      if (special && !continued) out.push(...suffix);
      return out;
    },
    decode(list, options) {
      const stream = open(options);
      return list.map(stream.push).join('') + stream.finish();
    },
    stream: open,
    tokenOf: (id) => tokens[id] ?? '',
    idOf: (token) => ids.get(token),
    special: definition.special,
    templateNames(name) {
      words ??= wordsOf(definition, ownTemplate);
      return words.has(name);
    },
    chatTemplate: ownTemplate ?? definition.chatTemplate,
    applyChatTemplate,
    encodeChat(messages, options) {
      const out: number[] = [];
      const disarmed = eachText(messages, disarm);
      encode(applyChatTemplate(disarmed, options && eachText(options, disarm)), 'marked', out);
      return out;
    },
    ggufMetadata: write.gguf,
    huggingFaceFiles: write.huggingFace,
  };
}

/** Which added tokens are found in a text: all, those that are not special, or all that are not marked. */
type Find = 'special' | 'plain' | 'marked';

interface Encoder {
  /** Appends the ids of a text to `out`. */
  encode(text: string, find: Find, out: number[]): void;
  /** A text in which no special token is found where those that are marked are not. */
  disarm(text: string): string;
}

/** Added tokens are found, the text between them is normalized, split, and merged. */
function encoder(definition: Definition): Encoder {
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
  const special = added.filter((token) => token.special);
  const specialIds = new Set(special.map(({ id }) => id));
  const markSpecial = marker(special, where);
  /** By section of the text as it stands, its parts in normal form. */
  const partsOf = (text: string, find: Find): (string | number)[][] => {
    const { raw, normalized } = find === 'plain' ? plain : all;
    const marked = find === 'marked';
    const wellFormed = text.replace(/\p{Surrogate}/gu, '\uFFFD');
    return raw(wellFormed, marked).map((section) =>
      typeof section === 'number' ? [section] : normalized(normalize(section), marked),
    );
  };
  return {
    encode(text, find, out) {
      partsOf(text, find).forEach((parts, outer) => {
        parts.forEach((part, inner) => {
          if (typeof part === 'number') out.push(part);
          else {
            const spelled = find === 'marked' ? part.replaceAll(mark, '') : part;
            for (const piece of preTokenize(spelled, outer + inner === 0)) encodePiece(piece, out);
          }
        });
      });
    },
    disarm(text) {
      const marked = markSpecial(text);
      // a normal form may spell a token that the text itself does not
      const spellsOne = partsOf(marked, 'marked')
        .flat()
        .some((part) => typeof part === 'number' && specialIds.has(part));
      return spellsOne ? markAll(text.replaceAll(mark, '\uFFFD')) : marked;
    },
  };
}

/** A value of JSON with its texts changed, but for the keys. */
function eachText<T>(value: T, change: (text: string) => string): T {
  const walk = (each: unknown): unknown => {
    if (typeof each === 'string') return change(each);
    if (Array.isArray(each)) return each.map(walk);
    if (typeof each !== 'object' || each === null || each instanceof Real) return each;
    return Object.fromEntries(Object.entries(each).map(([key, inner]) => [key, walk(inner)]));
  };
  return walk(value) as T;
}

/** The words in the templates that may be used. */
function wordsOf({ chatTemplate, toolTemplate }: Definition, own: string | undefined): ReadonlySet<string> {
  const sources = own === undefined ? [chatTemplate, toolTemplate] : [own];
  return new Set(sources.flatMap((source) => source?.match(/\w+/g) ?? []));
}

function templateOf(definition: Definition, own: string | undefined): ChatTemplate {
  const { chatTemplate, toolTemplate, special, tokens, named, where } = definition;
  const source = own ?? chatTemplate;
  if (source === undefined) {
    const remedy = 'use plain text, pass --template FILE, or use an instruct model';
    throw new CriaError('the model has no chat template', { where, remedy });
  }
  const roles = {
    bos_token: special.bos,
    eos_token: special.eos[0],
    pad_token: special.pad,
    unk_token: special.unknown,
  };
  const present = Object.entries(roles).flatMap(([role, id]) => (id === undefined ? [] : [[role, tokens[id] ?? '']]));
  const sources = { plain: source, withTools: own === undefined ? toolTemplate : undefined };
  return writerOf(sources, { ...named, ...Object.fromEntries(present) }, where);
}

/** The folder's own tokenizer.json, and its configuration with what other files add to it. */
function folderFiles(folder: string, where: string): ReturnType<Tokenizer['huggingFaceFiles']> {
  const own = readText(where);
  if (own === undefined) throw new CriaError('was removed while the model was open', { where, kind: 'failure' });
  return {
    'tokenizer.json': own,
    'tokenizer_config.json': `${JSON.stringify(readConfig(folder), undefined, 2)}\n`,
  };
}
