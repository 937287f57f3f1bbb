/**
 * A field of a protobuf message by its number: an integer, text, bytes (of another message too), or a float32. Lists are fields
 * of one number. (https://protobuf.dev/programming-guides/encoding)
 */
export type Field = readonly [number: number, value: number | string | Uint8Array | { readonly float: number }];

const utf8 = new TextEncoder();

/** The bytes of a message. Integers are safe ones; negative ones have 64 bits. */
export function message(fields: readonly Field[]): Uint8Array<ArrayBuffer> {
  const parts = fields.map(([number, value]): [number[], Uint8Array] => {
    if (typeof value === 'number') return [[...varint(8 * number), ...varint(value)], none];
    if (typeof value === 'object' && 'float' in value) {
      return [varint(8 * number + 5), new Uint8Array(Float32Array.of(value.float).buffer)];
    }
    const bytes = typeof value === 'string' ? utf8.encode(value) : value;
    return [[...varint(8 * number + 2), ...varint(bytes.length)], bytes];
  });
  const into = new Uint8Array(parts.reduce((sum, [head, bytes]) => sum + head.length + bytes.length, 0));
  let at = 0;
  for (const [head, bytes] of parts) {
    into.set(head, at);
    into.set(bytes, at + head.length);
    at += head.length + bytes.length;
  }
  return into;
}

const none = new Uint8Array();

/** Seven bits a byte, the lowest first. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  if (0 <= value && value < 2 ** 31) {
    let rest = value;
    for (; rest > 127; rest >>= 7) bytes.push((rest & 127) | 128);
    return [...bytes, rest];
  }
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}
