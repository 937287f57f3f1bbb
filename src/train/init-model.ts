import { json, type Provenance, writeTexts } from '../artifact/index.ts';
import { writeFolderAtomically } from '../base/index.ts';
import { encodeStored, writeSharded } from '../checkpoint/index.ts';
import { configFrom, weightShapes } from '../model/index.ts';
import { fillNormal, randomFor } from './parameters.ts';

const deviation = 0.02;

/**
 * Writes an untrained model in float32: norms 1 (0 where they are stored as offsets from it), biases
 * 0, matrices normal with deviation 0.02, those that write to the residual stream divided by sqrt(2 layers).
 * (Radford et al. 2019, section 2.3) `files` are texts that go with it, by name: a tokenizer's.
 * @throws CriaError when the configuration is not sound or something stands at `path`.
 */
export async function writeInitialModel(
  path: string,
  config: Readonly<Record<string, unknown>>,
  files: Readonly<Record<string, string>>,
  seed: number,
  provenance: Provenance,
  force: boolean,
): Promise<void> {
  const known = configFrom(config, path);
  const tensors = [...weightShapes(known)].map(([name, shape]) => ({
    name,
    shape,
    type: 'F32' as const,
    bytes: () => {
      const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
      const writesResidual = /(o_proj|down_proj)\.weight$/.test(name);
      if (shape.length > 1) {
        fillNormal(values, deviation / (writesResidual ? Math.sqrt(2 * known.layers) : 1), randomFor(seed, name));
      } else if (name.endsWith('.weight')) values.fill(1 - known.normOffset);
      return encodeStored('F32', values, name);
    },
  }));
  const texts = { 'config.json': json(config), ...files, 'cria.json': json(provenance) };
  await writeFolderAtomically(path, force, async (folder) => {
    await writeTexts(folder, texts);
    await writeSharded(folder, tensors);
  });
}
