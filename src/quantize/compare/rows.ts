import { figure } from '../../base/index.ts';
import type { ComparedWindow, Comparison } from '../../evaluate/index.ts';

/** A model beside the reference. */
export interface ComparedModel extends Omit<Comparison, 'referencePerplexity'> {
  readonly model: string;
  readonly bytes: number;
  readonly decodeTokensPerSecond: number | undefined;
  readonly windows: readonly ComparedWindow[];
}

export interface ReferenceModel {
  readonly model: string;
  readonly bytes: number;
  readonly perplexity: number;
  readonly decodeTokensPerSecond: number | undefined;
}

/** What an interval allows to say of a difference. */
export function verdict(deltaNll: number, low: number | undefined, high: number | undefined): string {
  if (low === undefined || high === undefined) return `differs by ${figure(deltaNll)} nats (one window: no interval)`;
  if (low <= 0 && high >= 0) return 'shows no detectable change';
  return `is ${figure(Math.abs(deltaNll))} nats ${deltaNll > 0 ? 'worse' : 'better'} (95% ${figure(low)} to ${figure(high)})`;
}

/** Rows from which every figure can be computed again: a line a model and window. */
export function comparisonRows(models: readonly Pick<ComparedModel, 'model' | 'windows'>[]): string {
  return models
    .flatMap(({ model, windows }) => windows.map((window) => `${JSON.stringify({ model, ...window })}\n`))
    .join('');
}
