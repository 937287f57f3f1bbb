import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  blocks,
  type Config,
  cachedPositions,
  configFrom,
  decoder,
  floatWeights,
  freshPositions,
  linearNames,
  type Positions,
  packedWeights,
  type Weights,
} from '../../src/model/index.ts';
import {
  differentiate,
  input,
  inputsOf,
  logLikelihood,
  lower,
  mean,
  type Outputs,
  type Tensor,
} from '../../src/tensor/index.ts';
import { goldenNames, goldenPath } from '../model/goldens.ts';

// A refactor that leaves every hash as it is has changed no graph. After a change that is meant, CRIA_UPDATE=1
// writes the hashes anew.
const file = join(import.meta.dirname, 'replay.json');

const configOf = (name: string): Config =>
  configFrom(JSON.parse(readFileSync(join(goldenPath(name), 'config.json'), 'utf8')), name);

function logits(
  config: Config,
  positions: Positions,
  batch: number | 'batch',
  weights: Weights = floatWeights,
): Tensor {
  const parts = decoder(config, weights);
  const hidden = blocks(parts, config, parts.embed(input('ids', 'i64', [batch, 'seq'])), positions);
  return parts.logits(parts.norm(hidden));
}

function cached(config: Config, inPlace: boolean): Outputs {
  const positions = cachedPositions(config, 1, inPlace);
  return { logits: logits(config, positions, 1), ...positions.fresh };
}

function packed(config: Config, bits: 4 | 8): Outputs {
  const linear = (name: string) => linearNames.some((each) => name.includes(each));
  const weights = packedWeights((name) =>
    linear(name) ? { bits, block: 32, minimums: bits === 4, wideActivations: bits === 8 } : undefined,
  );
  return { logits: logits(config, freshPositions(config), 'batch', weights) };
}

/** The cross entropy and its gradients with respect to every weight. */
function training(config: Config): Outputs {
  const likelihood = logLikelihood(
    logits(config, freshPositions(config), 'batch'),
    input('targets', 'i64', ['batch', 'seq']),
  );
  const weights = [...inputsOf({ likelihood })].filter(([name]) => name.endsWith('weight'));
  const loss = mean(likelihood, [0, 1]);
  const gradients = differentiate(
    loss,
    weights.map(([, tensor]) => tensor),
  );
  return { loss, ...Object.fromEntries(weights.map(([name], i) => [`d ${name}`, gradients[i] as Tensor])) };
}

const graphs: Readonly<Record<string, () => Outputs>> = {
  ...Object.fromEntries(
    goldenNames.flatMap((name) => [
      [`${name}: forward`, () => ({ logits: logits(configOf(name), freshPositions(configOf(name)), 'batch') })],
      [`${name}: cached`, () => cached(configOf(name), false)],
    ]),
  ),
  'llama: cached in place': () => cached(configOf('llama'), true),
  'llama: 8 bits': () => packed(configOf('llama'), 8),
  'llama: 4 bits': () => packed(configOf('llama'), 4),
  'llama-gqa: training': () => training(configOf('llama-gqa')),
  'gemma3: training': () => training(configOf('gemma3')),
};

const hashes = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(graphs).map(([name, make]) => [
      name,
      createHash('sha256').update(lower(make()).bytes).digest('hex'),
    ]),
  );

test('the same graph is lowered to the same bytes every time', () => {
  expect(hashes()).toEqual(hashes());
});

test('graphs are lowered to the bytes that were recorded', () => {
  const found = hashes();
  if (process.env.CRIA_UPDATE) writeFileSync(file, `${JSON.stringify(found, null, 2)}\n`);
  expect(found).toEqual(JSON.parse(readFileSync(file, 'utf8')));
});
