/** LoRA that starts with the principal singular values and vectors of every weight. (Meng, Wang and Zhang 2024) */
import { provenanceOf, writeModelFolder } from 'cria/artifact';
import { encodeStored } from 'cria/checkpoint';
import { topSingular } from 'cria/linalg';
import { loadModel, openForward } from 'cria/model';

/**
 * The adapter A = sqrt(S) V^T, B = U sqrt(S) of all linears, and the model of the residuals W - B A, which is written to
 * `folder`: together they are `model`. `distance` is the largest one between the logits of both after a text.
 * @throws Error when that is not small
 */
export async function pissa(model, folder, rank, ids) {
  const { checkpoint, threads } = model;
  const modules = new Map();
  const tensors = [];
  for (const { name, shape } of checkpoint.tensors.values()) {
    const weight = checkpoint.readFloat32(name);
    if (/_proj\.weight$/.test(name)) {
      const module = await principalPart({ rows: shape[0], columns: shape[1], data: weight }, rank, threads);
      modules.set(name.slice(0, -'.weight'.length), module);
      subtractProduct(weight, module);
    }
    tensors.push({ name, shape, type: 'F32', bytes: () => encodeStored('F32', weight, name) });
  }
  const adapter = { kind: 'lora', base: folder, rslora: false, modules };
  const { config, generation } = checkpoint;
  const provenance = provenanceOf('lora-inits', model.path, { rank }, 0);
  await writeModelFolder(folder, { config, generation, tensors, type: 'F32', tokenizer: undefined, provenance }, false);
  const open = (adapters) => loadModel(folder, { precision: 'f32', threads, adapters });
  const distance = await distanceBetween(model, open([adapter]), ids);
  if (!(distance < 1e-3)) throw new Error('the residual and its adapter are another model');
  return { adapter, residual: open([]), distance };
}

async function principalPart(weight, rank, threads) {
  const { values, left, right } = await topSingular(weight, rank, { threads });
  const [out, inner] = [weight.rows, weight.columns];
  const roots = values.map(Math.sqrt);
  const a = right.data.map((x, i) => x * roots[Math.floor(i / inner)]);
  const b = new Float32Array(out * rank);
  for (let i = 0; i < b.length; i++) b[i] = left.data[(i % rank) * out + Math.floor(i / rank)] * roots[i % rank];
  return { rank, alpha: rank, scale: 1, inner, out, a, b };
}

function subtractProduct(weight, { rank, inner, out, a, b }) {
  for (let row = 0; row < out; row++) {
    for (let r = 0; r < rank; r++) {
      const factor = b[row * rank + r];
      for (let i = 0; i < inner; i++) weight[row * inner + i] -= factor * a[r * inner + i];
    }
  }
}

async function distanceBetween(model, other, ids) {
  const [expected, found] = [await logitsOf(model, ids), await logitsOf(other, ids)];
  other.close();
  return expected.reduce((most, x, i) => Math.max(most, Math.abs(x - found[i])), 0);
}

async function logitsOf(model, ids) {
  const forward = await openForward(model);
  try {
    return await forward.logits((await forward.run([ids])).lastHidden.data);
  } finally {
    await forward.dispose();
  }
}
