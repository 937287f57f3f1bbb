import { expect, test } from 'vitest';
import { normalFrom, randomFrom } from '../../src/base/index.ts';
import { overlaid } from '../../src/checkpoint/index.ts';
import { blockInputs, type LinearName, linearShapes, loadModel } from '../../src/model/index.ts';
import { foldedMap, foldedVectors, producers } from '../../src/quantize/run/awq-fold.ts';
import { weightName } from '../../src/quantize/run/calibration.ts';
import { forwardOf, goldenNames, goldenPath, opened } from '../model/goldens.ts';

const ids = [[1, 2, 3, 4, 5, 6]];

async function hiddenOf(model: ReturnType<typeof loadModel>): Promise<Float32Array> {
  return (await (await forwardOf(model)).run(ids)).lastHidden.data;
}

/** Llama with biases on every linear map. */
function withBiases(): ReturnType<typeof loadModel> {
  const { checkpoint, config } = opened(goldenPath('llama'));
  const normal = normalFrom(randomFrom(6));
  const tensors = Array.from({ length: config.layers }, (_, layer) => layer).flatMap((layer) =>
    Object.entries(linearShapes(config)).map(([map, [out]]) => {
      const bias = Float32Array.from({ length: out }, normal);
      const name = weightName(layer, map as LinearName).replace(/weight$/, 'bias');
      return [name, { shape: [out], read: () => bias.slice() }] as const;
    }),
  );
  return loadModel(
    overlaid(checkpoint, { config: { mlp_bias: true, attention_bias: true }, tensors: new Map(tensors) }),
  );
}

test.each([...goldenNames, 'llama with biases'])(
  'scales folded into norms, rows and columns of %s change nothing',
  async (name) => {
    // spec 5.15
    const model = name === 'llama with biases' ? withBiases() : opened(goldenPath(name));
    const { config, checkpoint } = model;
    const shapes = linearShapes(config);
    const normal = normalFrom(randomFrom(5));
    const changed = new Map<string, Float32Array>();
    for (let layer = 0; layer < config.layers; layer++) {
      const folds = new Map<string, Float32Array>();
      for (const { path, size: inner } of blockInputs(config)) {
        const producer = producers[path];
        if (producer && shapes[producer][0] !== inner) continue; // heads share values
        folds.set(
          path,
          Float32Array.from({ length: inner }, () => Math.exp(normal())),
        );
      }
      for (const { path, linears } of blockInputs(config)) {
        for (const map of linears) {
          const [out, inner] = shapes[map];
          const weight = weightName(layer, map);
          const original = { out, inner, data: checkpoint.readFloat32(weight) };
          const { matrix, unfold } = foldedMap(original, map, path, folds);
          changed.set(weight, matrix.data);
          const back = unfold(matrix.data);
          for (const [i, x] of original.data.entries()) expect(back[i]).toBeCloseTo(x, 5);
        }
      }
      for (const [vector, data] of foldedVectors(model, layer, folds)) changed.set(vector, data);
    }
    const tensors = [...changed].map(([tensor, data]) => {
      const { shape } = checkpoint.tensors.get(tensor) as { shape: readonly number[] };
      return [tensor, { shape, read: () => data }] as const;
    });
    const folded = loadModel(overlaid(checkpoint, { tensors: new Map(tensors) }));
    const [before, after] = [await hiddenOf(model), await hiddenOf(folded)];
    const size = Math.hypot(...before);
    expect(Math.hypot(...before.map((x, i) => x - (after[i] as number))) / size).toBeLessThan(1e-5);
  },
);
