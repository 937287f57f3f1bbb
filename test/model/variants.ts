import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  encodeStored,
  ggufFromHuggingFace,
  openCheckpoint,
  type StoredType,
  writeGguf,
  writeSharded,
} from '../../src/checkpoint/index.ts';
import { temporaryFolder } from '../hostile.ts';
import { goldenPath } from './goldens.ts';

/** A golden checkpoint as a GGUF file without a tokenizer: matrices whose rows are whole blocks in `type`. */
export async function ggufOf(name: string, type: StoredType, file: string): Promise<void> {
  const path = goldenPath(name);
  const checkpoint = openCheckpoint(path);
  try {
    const tensors = [...checkpoint.tensors.values()].map(({ name, shape }) => {
      const stored = (shape.at(-1) as number) % 32 === 0 ? type : 'F32';
      return { name, shape, type: stored, bytes: () => encodeStored(stored, checkpoint.readFloat32(name)) };
    });
    await writeGguf(file, ggufFromHuggingFace({ path, config: checkpoint.config, tensors }));
  } finally {
    checkpoint.close();
  }
}

/** A copy of a golden checkpoint with other keys in its config.json; undefined takes a key away. */
export function withConfig(name: string, keys: Readonly<Record<string, unknown>>): string {
  const folder = join(temporaryFolder(), name);
  cpSync(goldenPath(name), folder, { recursive: true });
  const file = join(folder, 'config.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...keys }));
  return folder;
}

/** A copy of a golden checkpoint in float32: `change` may change a tensor's values in place, or leave it out with false. */
export async function withTensors(
  name: string,
  change: (tensor: string, values: Float32Array) => boolean | undefined,
): Promise<string> {
  const folder = temporaryFolder();
  const checkpoint = openCheckpoint(goldenPath(name));
  const tensors = [...checkpoint.tensors.values()].flatMap(({ name, shape }) => {
    const values = checkpoint.readFloat32(name);
    if (change(name, values) === false) return [];
    return [
      {
        name,
        shape,
        type: 'F32' as const,
        bytes: () => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
      },
    ];
  });
  await writeSharded(folder, tensors);
  cpSync(join(goldenPath(name), 'config.json'), join(folder, 'config.json'));
  checkpoint.close();
  return folder;
}
