import { CriaError, messageOf } from '../base/index.ts';
import { checkEffort } from './effort.ts';

const longestPattern = 10_000;

/**
 * The JavaScript form of a pre-tokenizer's regular expression, which is written for Oniguruma: \s and \d by Unicode,
 * `(?i:…)` spelled out, possessive quantifiers made greedy (in the patterns in use, the same matches).
 * A tokenizer file can come from anyone: what can take very long is refused.
 * @throws CriaError when the expression uses what this does not know, or can take very long.
 */
export function compilePattern(source: string, where: string): RegExp {
  if (source.length > longestPattern) {
    throw new CriaError(`a pre-tokenizer pattern has ${source.length} characters`, { where });
  }
  try {
    const pattern = new RegExp(translate(source), 'gu');
    checkEffort(pattern.source);
    return pattern;
  } catch (error) {
    throw new CriaError(`the pattern ${shown(source)} is not supported: ${messageOf(error)}`, { where, cause: error });
  }
}

/** A literal text as a pattern. */
export function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}

/** An escape, the start of a group, a counted repeat, or any character. */
const lexeme =
  /\\(?:[pP]\{\^?\w+\}|x\{\w+\}|x[\dA-Fa-f]{2}|u[\dA-Fa-f]{4}|.)|\(\?(?:i:|[:=!]|<[=!])|\{\d+(?:,\d*)?\}|./gsu;

function translate(source: string): string {
  const caseless = [false]; // by open group
  let out = '';
  let inClass = false;
  let wasQuantifier = false;
  for (const [token] of source.matchAll(lexeme)) {
    const isCaseless = caseless.at(-1) === true;
    const isQuantifier = !inClass && /^[*+?{]/.test(token);
    if (token.startsWith('\\')) out += translateEscape(token, inClass, isCaseless);
    else if (inClass) {
      if (token === '[') throw new Error('a class inside a class');
      inClass = token !== ']';
      out += isCaseless ? bothCases(token) : token;
    } else if (token.startsWith('(')) {
      caseless.push(isCaseless || token === '(?i:');
      out += token === '(' || token === '(?i:' ? '(?:' : token;
    } else if (isQuantifier) {
      const isPossessive = wasQuantifier && token === '+';
      out += isPossessive ? '' : token;
    } else {
      inClass = token === '[';
      if (token === ')' && caseless.length > 1) caseless.pop();
      out += isCaseless && /^[a-z]$/i.test(token) ? `[${bothCases(token)}]` : token;
    }
    wasQuantifier = isQuantifier;
  }
  return out;
}

const classes: Readonly<Record<string, string>> = {
  s: '\\p{White_Space}',
  S: '\\P{White_Space}',
  d: '\\p{Nd}',
  D: '\\P{Nd}',
};

function translateEscape(token: string, inClass: boolean, caseless: boolean): string {
  const letter = token[1] as string;
  if (letter === 'p' || letter === 'P') return /Han|Hiragana|Katakana|Hangul/.test(token) ? scriptOf(token) : token;
  if (token.startsWith('\\x{')) return `\\u${token.slice(2)}`;
  if (token.length > 2) return token; // \u0041, \x41
  if (classes[letter]) return classes[letter];
  if ('rntfv'.includes(letter)) return token;
  if (/[A-Za-z0-9]/.test(letter)) throw new Error(`the escape '${token}'`);
  if ('^$\\.*+?()[]{}|/'.includes(letter) || (inClass && letter === '-')) return token;
  return caseless ? bothCases(letter) : letter;
}

function scriptOf(property: string): string {
  return property.replace('{', '{Script=');
}

function bothCases(letter: string): string {
  return /^[a-z]$/i.test(letter) ? letter.toLowerCase() + letter.toUpperCase() : letter;
}

function shown(source: string): string {
  return source.length > 60 ? `'${source.slice(0, 60)}…'` : `'${source}'`;
}
