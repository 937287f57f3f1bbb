import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/index.ts';
import {
  blocks,
  cachedPositions,
  type Config,
  configFrom,
  decoder,
  floatWeights,
  freshPositions,
  packedWeights,
} from '../../src/model/index.ts';
import { differentiate, input, logLikelihood, lower, mean, type Outputs, reshape } from '../../src/tensor/index.ts';
import { goldenNames, goldenPath } from '../model/goldens.ts';

/**
 * The emitted ONNX bytes of a fixed set of graphs: a refactor that changes none of the hashes has changed nothing.
 * After a change that is meant, CRIA_UPDATE=1 writes them anew.
 */
const file = join(import.meta.dirname, 'replay.json');

function configOf(name: string): Config {
  const checkpoint = openCheckpoint(goldenPath(name));
  checkpoint.close();
  return configFrom(checkpoint.config, name);
}

const ids = input('ids', 'i64', ['batch', 'seq']);

function forwardGraph(config: Config, weights = floatWeights): Outputs {
  const parts = decoder(config, weights);
  return { logits: parts.logits(parts.norm(blocks(parts, config, parts.embed(ids), freshPositions(config)))) };
}

function cachedGraph(config: Config): Outputs {
  const parts = decoder(config, floatWeights);
  const positions = cachedPositions(config);
  const logits = parts.logits(parts.norm(blocks(parts, config, parts.embed(ids), positions)));
  const fresh = positions.fresh.flatMap(({ key, value }, i) => [
    [`key.${i}`, key] as const,
    [`value.${i}`, value] as const,
  ]);
  return { logits, ...Object.fromEntries(fresh) };
}

function gradientGraph(config: Config): Outputs {
  const { logits } = forwardGraph(config) as { logits: (typeof ids) };
  const rows = reshape(logits, ['rows', config.vocabulary]);
  const loss = mean(logLikelihood(rows, input('targets', 'i64', ['rows'])));
  return differentiate(loss);
}

test('graphs are lowered to the bytes they were lowered to before, and to the same bytes each time', () => {
});
