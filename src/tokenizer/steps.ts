import { CriaError } from '../base/index.ts';
import type { NormalizerStep, PreTokenizerStep, SplitBehavior } from './definition.ts';
import { inSequence, isObject, type Json } from './json.ts';
import { escapePattern } from './pattern.ts';
import { gpt2Pattern } from './pretokenizers.ts';

/** The normalizer of a tokenizer.json. @throws CriaError for a kind that byte-pair tokenizers do not use. */
export function readNormalizer(value: unknown, where: string): NormalizerStep[] {
  return inSequence(value, 'normalizers', where).map((step): NormalizerStep => {
    switch (step.type) {
      case 'Prepend':
        return { kind: 'prepend', text: String(step.prepend) };
      case 'Replace':
        return { kind: 'replace', pattern: patternOf(step.pattern, where), by: String(step.content) };
      case 'NFC':
      case 'NFD':
      case 'NFKC':
      case 'NFKD':
        return { kind: 'unicode', form: step.type };
      default:
        throw new CriaError(`the normalizer '${String(step.type)}' is not supported`, { where });
    }
  });
}

/** The pre-tokenizer of a tokenizer.json, and whether its pieces are spelled in bytes. @throws CriaError likewise. */
export function readPreTokenizer(value: unknown, where: string): { byteLevel: boolean; steps: PreTokenizerStep[] } {
  const parts = inSequence(value, 'pretokenizers', where);
  return {
    byteLevel: parts.some((step) => step.type === 'ByteLevel'),
    steps: parts.flatMap((step) => preTokenizerSteps(step, where)),
  };
}

function preTokenizerSteps(step: Json, where: string): PreTokenizerStep[] {
  const isolated = (pattern: string): PreTokenizerStep => ({ kind: 'split', pattern, keep: 'isolated' });
  switch (step.type) {
    case 'Split':
      return [{ kind: 'split', pattern: patternOf(step.pattern, where), keep: behaviorOf(step, where) }];
    case 'Digits':
      return [isolated(step.individual_digits === true ? '\\p{N}' : '\\p{N}+')];
    case 'Punctuation':
      return [{ kind: 'split', pattern: '[\\p{P}$+<=>^`|~]', keep: behaviorOf(step, where) }];
    case 'ByteLevel':
      return [
        ...(step.add_prefix_space === true ? [{ kind: 'prefix-space' } as const] : []),
        ...(step.use_regex === false ? [] : [isolated(gpt2Pattern)]),
      ];
    case 'Metaspace':
      return metaspaceSteps(step);
    default:
      throw new CriaError(`the pre-tokenizer '${String(step.type)}' is not supported`, { where });
  }
}

function metaspaceSteps(step: Json): PreTokenizerStep[] {
  const scheme = step.prepend_scheme ?? (step.add_prefix_space === false ? 'never' : 'always');
  const prepend = scheme === 'first' || scheme === 'never' ? scheme : 'always';
  const cut: PreTokenizerStep = { kind: 'split', pattern: '▁', keep: 'with-next' };
  return [{ kind: 'metaspace', prepend }, ...(step.split === false ? [] : [cut])];
}

function patternOf(value: unknown, where: string): string {
  if (isObject(value) && typeof value.Regex === 'string') return value.Regex;
  if (isObject(value) && typeof value.String === 'string') return escapePattern(value.String);
  throw new CriaError('a pattern is neither a string nor a regular expression', { where });
}

const behaviors: Readonly<Record<string, SplitBehavior>> = {
  isolated: 'isolated',
  removed: 'removed',
  contiguous: 'contiguous',
  mergedwithprevious: 'with-previous',
  mergedwithnext: 'with-next',
};

function behaviorOf(step: Json, where: string): SplitBehavior {
  const behavior = behaviors[String(step.behavior ?? 'isolated').toLowerCase()];
  if (behavior === undefined) throw new CriaError(`the split '${String(step.behavior)}' is not supported`, { where });
  if (step.invert !== true || behavior === 'isolated') return behavior;
  if (behavior === 'removed') return 'only';
  throw new CriaError(`an inverted split '${String(step.behavior)}' is not supported`, { where });
}
