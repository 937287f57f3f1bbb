import { onTestFinished } from 'vitest';
import { normalFrom, randomFrom } from '../../src/base/index.ts';
import type { LoraAdapter, LoraModule } from '../../src/checkpoint/index.ts';
import { topSingular } from '../../src/linalg/index.ts';
import type { LoadedModel } from '../../src/model/index.ts';
import {
  type Batch,
  crossEntropy,
  parameterBuffer,
  predictionMicroBatch,
  targetTokens,
  trainableAdapter,
  wholeForwardBackward,
} from '../../src/train/index.ts';

/** The squared gradients with respect to B, summed over all modules, of next-token prediction on `batch`. */
export async function firstGradient(model: LoadedModel, adapter: LoraAdapter, batch: Batch): Promise<number> {
  const trainable = trainableAdapter(model, adapter, 'adapter');
  const buffer = parameterBuffer(trainable.parameters);
  trainable.start(buffer);
  const compiled = await wholeForwardBackward(model, trainable, buffer, crossEntropy);
  onTestFinished(() => compiled.dispose());
  await compiled.forwardBackward(predictionMicroBatch(batch, targetTokens(batch), []));
  const ofB = trainable.parameters.filter(({ name }) => name.endsWith('lora_B'));
  return ofB.reduce((sum, { name }) => sum + buffer.gradient(name).data.reduce((own, x) => own + x * x, 0), 0);
}

/** The adapter with random orthonormal rows in place of those of A. */
export async function withRandomRows(adapter: LoraAdapter, seed: number): Promise<LoraAdapter> {
  const normal = normalFrom(randomFrom(seed));
  const modules = new Map<string, LoraModule>();
  for (const [name, module] of adapter.modules) {
    const { rank, inner } = module;
    const random = Float32Array.from({ length: rank * inner }, normal);
    const { right } = await topSingular({ rows: rank, columns: inner, data: random }, rank, { threads: 1 });
    modules.set(name, { ...module, a: right.data });
  }
  return { ...adapter, modules };
}
