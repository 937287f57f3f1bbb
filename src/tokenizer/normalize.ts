import type { NormalizerStep } from './definition.ts';
import { compilePattern } from './pattern.ts';

/** The normalizer: its steps, one after the other. */
export function normalizer(steps: readonly NormalizerStep[], where: string): (text: string) => string {
  const parts = steps.map((step) => compile(step, where));
  return (text) => parts.reduce((result, part) => part(result), text);
}

function compile(step: NormalizerStep, where: string): (text: string) => string {
  switch (step.kind) {
    case 'prepend':
      return (text) => (text === '' ? text : step.text + text);
    case 'replace': {
      const pattern = compilePattern(step.pattern, where);
      return (text) => text.replace(pattern, () => step.by);
    }
    case 'unicode':
      return (text) => text.normalize(step.form);
  }
}
