import { CriaError } from '../../base/index.ts';
import { overlaid, type Replacement } from '../overlay.ts';
import type { Checkpoint } from '../types.ts';
import type { LoraAdapter, LoraModule } from './adapter.ts';

/**
 * A checkpoint with what of an adapter is no low-rank sum, and the rest of the adapter: saved modules and biases take the
 * place of the model's, and a weight with magnitudes (DoRA) becomes m V / |V|, V = W + scale B A, with |V| the length of
 * each row. (Liu et al. 2024, equation 5) Weights are computed when they are read.
 * @throws CriaError when a tensor is not in the model, or has another shape.
 */
export function withReplacements(
  checkpoint: Checkpoint,
  adapter: LoraAdapter,
): { readonly checkpoint: Checkpoint; readonly adapter: LoraAdapter } {
  const { replaced = new Map(), modules } = adapter;
  const decomposed = [...modules].filter(([, { magnitude }]) => magnitude !== undefined);
  if (replaced.size === 0 && decomposed.length === 0) return { checkpoint, adapter };
  const tensors = new Map<string, Replacement>();
  for (const [name, { shape, data }] of replaced) {
    const own =
      checkpoint.tensors.get(name)?.shape ?? (name === head ? checkpoint.tensors.get(embedding)?.shape : undefined);
    if (String(own) !== String(shape)) {
      const what = own ? `has the shape [${shape.join(', ')}], the model's [${own.join(', ')}]` : 'is not in the model';
      throw new CriaError(what, { where: name, remedy: 'use the base model that the adapter was trained on' });
    }
    tensors.set(name, { shape, read: () => data.slice() });
  }
  const isTied = !checkpoint.tensors.has(head) || checkpoint.config.tie_word_embeddings === true;
  const shape = replaced.get(embedding)?.shape;
  if (isTied && shape && !replaced.has(head) && !adapter.tiesSaved) {
    tensors.set(head, { shape, read: () => checkpoint.readFloat32(embedding) }); // the head keeps the model's own table
  }
  const saved = overlaid(checkpoint, {
    tensors,
    ...(tensors.has(head) ? { config: { tie_word_embeddings: false } } : {}),
  });
  const weights = decomposed.map(
    ([path, module]) => [`${path}.weight`, weightOf(saved, `${path}.weight`, module)] as const,
  );
  const plain = [...modules].filter(([, { magnitude }]) => magnitude === undefined);
  return {
    checkpoint: overlaid(saved, { tensors: new Map(weights) }),
    adapter: { kind: 'lora', base: adapter.base, rslora: adapter.rslora, modules: new Map(plain) },
  };
}

/** Whether an adapter is low-rank sums and nothing else. */
export function isPlain({ modules, replaced }: LoraAdapter): boolean {
  return replaced === undefined && [...modules.values()].every(({ magnitude }) => magnitude === undefined);
}

const [embedding, head] = ['model.embed_tokens.weight', 'lm_head.weight'];

function weightOf(checkpoint: Checkpoint, name: string, module: LoraModule): Replacement {
  const { rank, inner, out, scale, a, b, magnitude } = module;
  const shape = checkpoint.tensors.get(name)?.shape;
  if (String(shape) !== String([out, inner])) {
    const what = shape ? `has the shape [${shape.join(', ')}], its update [${out}, ${inner}]` : 'is not in the model';
    throw new CriaError(what, { where: name, remedy: 'use the base model that the adapter was trained on' });
  }
  return {
    shape: [out, inner],
    read() {
      const weight = checkpoint.readFloat32(name);
      for (let i = 0; i < out; i++) {
        const row = weight.subarray(i * inner, (i + 1) * inner);
        for (let k = 0; k < rank; k++) {
          const factor = scale * (b[i * rank + k] as number);
          for (let j = 0; j < inner; j++) row[j] = (row[j] as number) + factor * (a[k * inner + j] as number);
        }
        let squares = 0;
        for (const x of row) squares += x * x;
        const gain = ((magnitude as Float32Array)[i] as number) / Math.sqrt(squares);
        for (let j = 0; j < inner; j++) row[j] = (row[j] as number) * gain;
      }
      return weight;
    },
  };
}
