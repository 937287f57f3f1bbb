import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { loadModel, onnxModel } from '../../src/model/index.ts';
import { temporaryFolder } from '../hostile.ts';
import { goldenPath, readGolden } from './goldens.ts';

describe('the exported graph gives the logits of transformers in plain ONNX Runtime', () => {
  test.each(['llama', 'llama-gqa', 'llama-tied', 'llama-yarn', 'mistral', 'qwen2', 'qwen3', 'gemma3'])(
    '%s',
    async (name) => {
      const model = loadModel(goldenPath(name));
      const folder = temporaryFolder();
      const { graph, weights } = onnxModel(model, 'model.onnx.data');
      const last = weights.at(-1) as (typeof weights)[number];
      const data = new Uint8Array(last.offset + last.read().data.byteLength);
      for (const { offset, read } of weights) {
        const { buffer, byteOffset, byteLength } = read().data;
        data.set(new Uint8Array(buffer, byteOffset, byteLength), offset);
      }
      writeFileSync(join(folder, 'model.onnx'), graph);
      writeFileSync(join(folder, 'model.onnx.data'), data);
      const session = await InferenceSession.create(join(folder, 'model.onnx'), { logSeverityLevel: 3 });
      const { ids, logits } = readGolden(name).sequences[0] as ReturnType<typeof readGolden>['sequences'][number];
      const given = new Tensor(
        'int64',
        BigInt64Array.from(ids, (id) => BigInt(id)),
        [1, ids.length],
      );
      const result = (await session.run({ ids: given })).logits as Tensor;
      const expected = logits.flat();
      expect(result.dims).toEqual([1, ids.length, model.config.vocabulary]);
      const worst = expected.reduce((most, x, i) => Math.max(most, Math.abs(x - (result.data[i] as number))), 0);
      expect(worst).toBeLessThan(1e-3);
      await session.release();
      model.close();
    },
  );
});
