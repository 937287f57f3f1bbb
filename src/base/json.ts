/** A number that JSON writes as a float though it is whole (1.0): JSON.parse would take it for 1. */
export class Real {
  constructor(readonly value: number) {}

  toJSON(): number {
    return this.value;
  }
}

/** Noncharacters, which no text brings. */
const tag = '\ufdd1';

/**
 * Reads JSON as JSON.parse does, but for numbers within lists and objects that it would not tell apart or would round:
 * 1.0 is a `Real`, and whole numbers beyond 2^53 are bigint. @throws SyntaxError when it is not JSON.
 */
export function parseExactly(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (!inexact.test(text) || text.includes(tag) || /\\ufdd1/i.test(text)) return value;
  const tagged = text.replace(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (token) =>
    token.startsWith('"') || !inexact.test(`:${token}`) ? token : `"${tag}${token}"`,
  );
  return JSON.parse(tagged, (_, each) =>
    typeof each === 'string' && each.startsWith(tag) ? exact(each.slice(1)) : each,
  );
}

/** A number with a point or an exponent, or with more digits than are safe. */
const inexact = /[:[,\s]-?(?:\d+[.eE]|\d{16})/;

function exact(digits: string): number | bigint | Real {
  const value = Number(digits);
  if (/[.eE]/.test(digits)) return Number.isInteger(value) ? new Real(value) : value;
  return Number.isSafeInteger(value) ? value : BigInt(digits);
}
