import { bytesOfToken } from './alphabet.ts';
import type { Definition } from './definition.ts';
import type { TextStream } from './types.ts';

const nothing = new Uint8Array(0);
const space = 0x20;

/** Makes streams that turn ids into text: bytes of tokens, joined, read as UTF-8. */
export function decoder(definition: Definition): (skipSpecial: boolean) => TextStream {
  const { tokens, alphabet, stripsSpace } = definition;
  const utf8 = new TextEncoder();
  const added = new Map(definition.added.map((token) => [token.id, token]));
  const known: Uint8Array[] = [];
  const bytesOf = (id: number): Uint8Array => {
    const token = tokens[id];
    if (token === undefined) return nothing;
    known[id] ??= added.has(id) ? utf8.encode(token) : bytesOfToken(token, alphabet);
    return known[id];
  };
  return (skipSpecial) => {
    const text = new TextDecoder('utf-8', { ignoreBOM: true });
    let atStart = stripsSpace;
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
