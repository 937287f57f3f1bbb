import { CriaError } from '../base/index.ts';
import { isObject, type Json } from './json.ts';

/** A token that a configuration declares, with what tokenizer.json would say of it. */
interface Declared {
  readonly content: string;
  readonly json: Json;
}

/** Tokens with a role, in the order in which transformers adds them. */
const roles = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'];

/**
 * The added tokens that only tokenizer_config.json declares (`added_tokens_decoder`, roles, `additional_special_tokens`,
 * `extra_special_tokens`), as entries of tokenizer.json: a token of the vocabulary keeps its id, others get the next free
 * ones in transformers' order. `isAdded` tells those that tokenizer.json has; `next` is the first free id.
 * @throws CriaError for an id in `added_tokens_decoder` that is not the one that the token gets.
 */
export function declaredTokens(
  config: Json,
  isAdded: (content: string) => boolean,
  idOf: (content: string) => number | undefined,
  next: number,
  where: string,
): Json[] {
  const found = new Map<string, Json>();
  let free = next;
  for (const { content, json } of declarations(config)) {
    if (content === '' || isAdded(content) || found.has(content)) continue;
    const id = idOf(content) ?? free++;
    if (json.id !== undefined && json.id !== id) {
      const what = `the token '${content.slice(0, 80)}' is declared with id ${json.id}, but would get ${id}`;
      throw new CriaError(what, { where, remedy: 'add it to tokenizer.json: save the tokenizer with transformers' });
    }
    found.set(content, { ...json, id });
  }
  return [...found.values()];
}

/** The tokens of `extra_special_tokens` that have names of their own. */
export function namedExtras(config: Json): readonly (readonly [string, unknown])[] {
  return isObject(config.extra_special_tokens) ? Object.entries(config.extra_special_tokens) : [];
}

function declarations(config: Json): Declared[] {
  const decoder = isObject(config.added_tokens_decoder) ? Object.entries(config.added_tokens_decoder) : [];
  const byId = decoder.map(([id, token]) => ({ id: Number(id), token })).sort((a, b) => a.id - b.id);
  const lists = [config.additional_special_tokens, config.extra_special_tokens].filter(Array.isArray).flat();
  const special = [...roles.map((role) => config[role]), ...lists, ...namedExtras(config).map(([, token]) => token)];
  return [
    ...byId.flatMap(({ id, token }) => declared(token).map((each) => ({ ...each, json: { ...each.json, id } }))),
    ...special.flatMap(declared).map(({ content, json }) => ({ content, json: { ...json, special: true } })),
  ];
}

/** A token as a text, or as an object with its flags. */
function declared(token: unknown): Declared[] {
  if (typeof token === 'string') return [{ content: token, json: { content: token } }];
  return isObject(token) && typeof token.content === 'string' ? [{ content: token.content, json: token }] : [];
}
