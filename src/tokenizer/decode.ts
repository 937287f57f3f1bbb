import { bytesOfToken } from './alphabet.ts';
import type { Definition } from './definition.ts';
import type { DecodeOptions, TextStream } from './types.ts';

const nothing = new Uint8Array(0);
const space = 0x20;

/** Makes streams that turn ids into text: bytes of tokens, joined, read as UTF-8. */
export function decoder(definition: Definition): (options?: DecodeOptions) => TextStream {
  const { tokens, alphabet, stripsSpace } = definition;
  const utf8 = new TextEncoder();
  const added = new Map(definition.added.map((token) => [token.id, token]));
  const known: Uint8Array[] = [];
  const bytesOf = (id: number): Uint8Array => {
    const token = tokens[id];
    if (token === undefined) return nothing;
    const text = added.get(id)?.text;
    known[id] ??= text === undefined ? bytesOfToken(token, alphabet) : utf8.encode(text);
    return known[id];
  };
  return ({ skipSpecial = false, continues = false } = {}) => {
    const text = new TextDecoder('utf-8', { ignoreBOM: true });
    let atStart = stripsSpace && !continues;
    return {
      push(id) {
        let bytes = skipSpecial && added.get(id)?.special ? nothing : bytesOf(id);
        if (bytes.length === 0) return '';
        if (atStart && bytes[0] === space) bytes = bytes.subarray(1);
        atStart = false;
        return text.decode(bytes, { stream: true });
      },
      finish: () => text.decode(),
    };
  };
}
