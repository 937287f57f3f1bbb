import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { closing, makeFolder } from '../../base/index.ts';
import { openSafetensors, type PlainType, type TensorToWrite, writeSafetensors } from '../../checkpoint/index.ts';
import type { MatrixReport, PrunedBlock, StageSeconds } from './blocks.ts';
import type { Target } from './matrices.ts';
import { type PrunedMatrix, readMatrix, tensorsOf } from './weight-sets.ts';

/** The blocks of a run that are finished, one file each. */
export interface BlockStore {
  read(layer: number): PrunedBlock | undefined;
  write(layer: number, block: PrunedBlock): Promise<void>;
  /** One matrix of a finished block. */
  matrix(layer: number, name: string): PrunedMatrix;
  reports(layer: number): readonly MatrixReport[];
  /** The tensors of all blocks, read when their turn comes. */
  tensors(): TensorToWrite[];
}

/** Opens the store of a run in a folder, which is made when the first block is written. */
export function openBlockStore(
  folder: string,
  blocks: readonly (readonly Target[])[],
  objectives: readonly string[],
): BlockStore {
  const pathOf = (layer: number) => join(folder, `block-${String(layer).padStart(3, '0')}.safetensors`);
  const opened = <T>(layer: number, use: (file: ReturnType<typeof openSafetensors>) => T): T =>
    closing(openSafetensors(pathOf(layer)), use);
  const matrixIn = (file: ReturnType<typeof openSafetensors>, { name, rows, columns }: Target) =>
    readMatrix(file, name, [rows, columns], objectives);
  return {
    read(layer) {
      if (!existsSync(pathOf(layer))) return undefined;
      return opened(layer, (file) => ({
        matrices: (blocks[layer] as readonly Target[]).map((target) => matrixIn(file, target)),
        reports: JSON.parse(file.metadata.reports as string) as MatrixReport[],
        seconds: JSON.parse(file.metadata.seconds as string) as StageSeconds,
      }));
    },
    async write(layer, { matrices, reports, seconds }) {
      makeFolder(folder);
      const tensors = matrices.flatMap((matrix) => tensorsOf(matrix, objectives));
      const metadata = { reports: JSON.stringify(reports), seconds: JSON.stringify(seconds) };
      await writeSafetensors(pathOf(layer), tensors, metadata);
    },
    matrix(layer, name) {
      const target = (blocks[layer] as readonly Target[]).find((each) => each.name === name) as Target;
      return opened(layer, (file) => matrixIn(file, target));
    },
    tensors: () =>
      blocks.flatMap((_, layer) =>
        opened(layer, (file) =>
          [...file.tensors.values()].map(({ name, shape, type }): TensorToWrite => {
            const bytes = () => opened(layer, (again) => again.readBytes(name));
            return { name, shape, type: type as PlainType, bytes };
          }),
        ),
      ),
    reports: (layer) => opened(layer, (file) => JSON.parse(file.metadata.reports as string) as MatrixReport[]),
  };
}
