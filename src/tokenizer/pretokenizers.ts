import type { PreTokenizerStep, Split } from './definition.ts';
import { splitter } from './split.ts';

/** GPT-2's pattern (Radford et al. 2019). */
export const gpt2Pattern = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

const contraction = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";

/** The pattern of Llama 3 and its kin, which differ in the digits that stay together, and in where marks go. */
const modern = (digits: string, mark = ''): string =>
  `${contraction}|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}${mark}]+|${digits}| ?[^\\s\\p{L}${mark}\\p{N}]+[\\r\\n]*|` +
  '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

/** Words that start anew at a capital: Mistral's Tekken and GPT-4o. `upper` and `lower` are the letters of each kind. */
const cased = (upper: string, lower: string, ending: string, digits: string): string => {
  const start = '[^\\r\\n\\p{L}\\p{N}]?';
  const words = `${start}${upper}*${lower}+${ending}|${start}${upper}+${lower}*${ending}`;
  return `${words}|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
};

/** The letters with case as Unicode had them when DeepSeek's first tokenizer was made: its own list. */
const casedLetters =
  'A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\\u1F7D' +
  'ᾀ-ᾴᾶ-ᾼ\u1FBEῂ-ῄῆ-ῌῐ-\u1FD3ῖ-\u1FDBῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212A-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿ' +
  'ﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃';

/** llama.cpp knows no cases: letters but a-z, letters but A-Z. */
const llamaCases = ['(?:(?=\\p{L})[^a-z])', '(?:(?=\\p{L})[^A-Z])'] as const;
const cases = ['[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]', '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]'] as const;

const kanaAndHan = '[一-龥\\u3040-ゟ゠-ヿ]+';

const deepseekV3 = [
  '\\p{N}{1,3}',
  kanaAndHan,
  '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
];

/** How llama.cpp splits text for one value of `tokenizer.ggml.pre`. */
interface NamedPreTokenizer {
  /** Every split is applied to the pieces of the one before; gaps are pieces too. */
  readonly patterns: readonly string[];
  /** The patterns of the models' own files, where llama.cpp comes only near them. */
  readonly original?: readonly string[];
  /** The normal form to which the models' own files bring a text first, and llama.cpp does not. */
  readonly form?: 'NFC';
  /** A piece that is a token is taken whole, whatever the merge rules say. */
  readonly wholeWordsFirst?: boolean;
  /** The begin token is put before texts unless the header says otherwise. */
  readonly addsBos?: boolean;
}

const digitByDigit: NamedPreTokenizer = { patterns: ['\\p{N}', gpt2Pattern] };
const gpt2: NamedPreTokenizer = { patterns: [gpt2Pattern] };
const llama3: NamedPreTokenizer = { patterns: [modern('\\p{N}{1,3}')], wholeWordsFirst: true, addsBos: true };
const tripleDigits: NamedPreTokenizer = { patterns: [modern('\\p{N}{1,3}')] };
const qwen2: NamedPreTokenizer = { patterns: [modern('\\p{N}')] };
const gpt4o: NamedPreTokenizer = {
  patterns: [cased(...llamaCases, `${contraction}?`, '\\p{N}{1,3}')],
  original: [cased(...cases, `${contraction}?`, '\\p{N}{1,3}')],
};

/** The values of `tokenizer.ggml.pre` and their meaning in llama.cpp (src/llama-vocab.cpp). */
const named: Readonly<Record<string, NamedPreTokenizer>> = {
  smollm: digitByDigit,
  starcoder: digitByDigit,
  refact: digitByDigit,
  'command-r': digitByDigit,
  codeshell: digitByDigit,
  exaone: digitByDigit,
  'minerva-7b': digitByDigit,
  'gpt-2': gpt2,
  'phi-2': gpt2,
  mpt: gpt2,
  olmo: gpt2,
  jais: gpt2,
  exaone4: gpt2,
  trillion: gpt2,
  'modern-bert': gpt2,
  'granite-docling': gpt2,
  'llama-bpe': llama3,
  llama3,
  'llama-v3': llama3,
  falcon3: llama3,
  'falcon-h1': llama3,
  pixtral: llama3,
  'midm-2.0': llama3,
  lfm2: llama3,
  dbrx: tripleDigits,
  'smaug-bpe': tripleDigits,
  glm4: tripleDigits,
  'chatglm-bpe': tripleDigits,
  qwen2: { ...qwen2, form: 'NFC' },
  'deepseek-r1-qwen': { ...qwen2, form: 'NFC' },
  stablelm2: qwen2,
  megrez: qwen2,
  hunyuan: qwen2,
  'grok-2': qwen2,
  qwen35: { patterns: [modern('\\p{N}', '\\p{M}')], form: 'NFC' },
  'deepseek-llm': {
    patterns: [
      '[\\r\\n]',
      `\\s?[${casedLetters}]+`,
      '\\s?[!-\\/:-~！-／：-～‘-‟、-。]+',
      '\\s+$',
      '[一-龥ࠀ-一가-\\uD7FF]+',
      '\\p{N}+',
    ],
  },
  'deepseek-v3': { patterns: deepseekV3 },
  'hunyuan-dense': { patterns: deepseekV3 },
  'deepseek-coder': {
    patterns: ['[\\r\\n]', '\\s?\\p{L}+', '\\s?\\p{P}+', '[一-龥ࠀ-一가-\\uD7FF]+', '\\p{N}'],
  },
  falcon: { patterns: ['[\\p{P}\\$\\+<=>\\^~\\|`]+', gpt2Pattern, '[0-9][0-9][0-9]'] },
  tekken: {
    patterns: [cased(...llamaCases, '', '\\p{N}')],
    original: [cased(...cases, '', '\\p{N}')],
    wholeWordsFirst: true,
    addsBos: true,
  },
  'gpt-4o': gpt4o,
  llama4: gpt4o,
  default: { patterns: ['[\\p{P}\\$\\+<=>\\^~\\|]+', gpt2Pattern, '\\p{N}+', '[0-9][0-9][0-9]'] },
};

/** The pre-tokenizer that llama.cpp knows by this name. */
export function preTokenizerNamed(name: string): NamedPreTokenizer | undefined {
  return Object.hasOwn(named, name) ? named[name] : undefined;
}

export const preTokenizerNames: readonly string[] = Object.keys(named);

/** Patterns as steps of a definition. */
export function stepsOf(patterns: readonly string[]): Split<'isolated'>[] {
  return patterns.map((pattern) => ({ kind: 'split', pattern, keep: 'isolated' }));
}

/** Text on which all pre-tokenizers above that differ show it. */
const probe =
  "Hello world's WORLD'S we'LL iPhone fooBar été\n\n \n\tx = 12345 ½ 3.14159,67  !!! ...\r\n  `a`+b$c ^~| #tag/path/\n" +
  ' नमस्ते かな漢字123 한글abc “quoted” ١٢٣٤ (mixed)word  \u3000end \u{1f600}\u{1f600}  ';

/**
 * The name under which llama.cpp knows a pre-tokenizer: the one that cuts the probe text into the same pieces. The
 * steps may be written differently ('Digits', or a case-insensitive group).
 */
export function nameOfPreTokenizer(steps: readonly PreTokenizerStep[], wholeWordsFirst: boolean): string | undefined {
  const pieces = (of: readonly PreTokenizerStep[]) => JSON.stringify(splitter(of, 'pre-tokenizer')(probe, true));
  const wanted = pieces(steps);
  return preTokenizerNames.find((name) => {
    const { patterns, original = patterns, wholeWordsFirst: whole = false } = named[name] as NamedPreTokenizer;
    return whole === wholeWordsFirst && [patterns, original].some((form) => pieces(stepsOf(form)) === wanted);
  });
}
