import { figure } from '../../base/index.ts';
import type { KlKind } from '../../evaluate/index.ts';
import type { Page, Table } from '../../report/index.ts';
import type { ModelComparison } from './compare-models.ts';
import { verdict } from './rows.ts';

const klNames: Readonly<Record<KlKind, string>> = {
  exact: 'KL to the reference, nats',
  bound: 'KL to the reference, at least, nats',
};

/** The comparison as a person reads it. */
export function comparisonPage(comparison: ModelComparison): Page {
  const { reference, models, text, context, bos } = comparison;
  const windows = models[0]?.windows.length ?? 0;
  const told = models.map(({ model, deltaNll, low, high }) => `${model} ${verdict(deltaNll, low, high)}`);
  return {
    title: `Beside ${reference.model}`,
    summary: `${told.join('; ')}. ${windows} windows of ${context} tokens${bos ? ', begun with BOS,' : ''} of ${text}.`,
    sections: [
      { title: 'All models', parts: [table(comparison)] },
      {
        title: 'Change of the negative log-likelihood',
        parts: [
          {
            kind: 'bars',
            title: 'Mean difference to the reference with its 95% interval; windows are the sample',
            alt: told.join('; '),
            x: 'nats per token',
            bars: models.map(({ model, deltaNll, low, high }) => ({
              label: model,
              value: deltaNll,
              ...(low !== undefined && high !== undefined && { low, high }),
            })),
          },
        ],
      },
      {
        title: 'Size against likelihood',
        parts: [
          {
            kind: 'scatter',
            title: 'Bytes of the weight files and change of the negative log-likelihood',
            alt: models
              .map(({ model, bytes, deltaNll }) => `${model}: ${figure(bytes / 1e6)} MB, ${figure(deltaNll)}`)
              .join('; '),
            x: 'MB',
            y: 'nats per token',
            points: models.map(({ model, bytes, deltaNll }) => ({ label: model, x: bytes / 1e6, y: deltaNll })),
          },
        ],
      },
    ],
  };
}

function table({ reference, models, kl }: ModelComparison): Table {
  const megabytes = (bytes: number) => bytes / 1e6;
  return {
    kind: 'table',
    title: '',
    columns: [
      { label: 'model' },
      { label: 'MB' },
      { label: 'perplexity', better: 'lower' },
      { label: 'change of the NLL, nats' },
      { label: klNames[kl], better: 'lower' },
      { label: 'same likeliest token, %', better: 'higher' },
      { label: 'decoding, tokens/s', better: 'higher' },
    ],
    rows: [
      [
        reference.model,
        megabytes(reference.bytes),
        reference.perplexity,
        null,
        null,
        null,
        reference.decodeTokensPerSecond ?? null,
      ],
      ...models.map(
        ({ model, bytes, perplexity, deltaNll, low, high, kl: divergence, sameTop, decodeTokensPerSecond }) => [
          model,
          megabytes(bytes),
          perplexity,
          low === undefined || high === undefined ? deltaNll : { value: deltaNll, low, high },
          divergence,
          100 * sameTop,
          decodeTokensPerSecond ?? null,
        ],
      ),
    ],
  };
}
