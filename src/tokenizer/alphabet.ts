import type { Definition } from './definition.ts';

const utf8 = new TextEncoder();

/**
 * The letter of each byte in GPT-2's spelling: printable Latin-1 characters stand for themselves, the 68 other bytes
 * are U+0100 onwards, in order. (Radford et al. 2019)
 */
const byteLetters: readonly string[] = (() => {
  const isPrintable = (byte: number) => (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
  let others = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : others++));
})();

const byteOfLetter = new Map(byteLetters.map((letter, byte) => [letter, byte]));

/** The token that stands for a single byte: a letter, or '<0x0A>'. */
export function byteToken(byte: number, alphabet: Definition['alphabet']): string {
  if (alphabet === 'bytes') return byteLetters[byte] as string;
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

/**
 * The UTF-8 bytes that a token of the vocabulary stands for. A byte-level token with a letter outside the alphabet
 * stands for itself.
 */
export function bytesOfToken(token: string, alphabet: Definition['alphabet']): Uint8Array {
  if (alphabet === 'characters') {
    const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
    return byte ? Uint8Array.of(Number.parseInt(byte, 16)) : utf8.encode(token.replaceAll('▁', ' '));
  }
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = byteOfLetter.get(token[i] as string);
    if (byte === undefined) return utf8.encode(token);
    bytes[i] = byte;
  }
  return bytes;
}
