import { decodedTypes } from '../../artifact/index.ts';
import { CriaError, fitsGlob } from '../../base/index.ts';
import type { Checkpoint, PlainType } from '../../checkpoint/index.ts';
import { type Config, type InputPath, inputPathOf, layerPrefix, linearNames, linearShapes } from '../../model/index.ts';
import type { PruneOptions } from './options.ts';
import { type Sparsity, suits } from './pattern.ts';

/** A matrix [rows, columns] of a block that is pruned. */
export interface Target {
  /** Its name in the checkpoint. */
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  /** What it reads: matrices of one input are pruned with one second moment. */
  readonly input: InputPath;
  readonly sparsity: Sparsity;
  /** The type that it is written in: its own, or that of most of the model where its own is quantized. */
  readonly type: PlainType;
}

export interface Targets {
  /** By block. */
  readonly blocks: readonly (readonly Target[])[];
  /** Matrices whose inputs M does not divide: they stay dense. */
  readonly skipped: readonly string[];
}

/** The linear maps of all blocks but those that are kept. @throws CriaError when none is left, or a glob fits none. */
export function targetsOf(
  checkpoint: Checkpoint,
  config: Config,
  { keep, sparsity, sparsityFor }: Pick<PruneOptions, 'keep' | 'sparsity' | 'sparsityFor'>,
): Targets {
  const skipped: string[] = [];
  const shapes = linearShapes(config);
  const typeOf = decodedTypes(checkpoint);
  const layers = Array.from({ length: config.layers }, (_, layer) => layer);
  const names = layers.flatMap((layer) => linearNames.map((linear) => `${layerPrefix(layer)}${linear}.weight`));
  for (const glob of [...keep, ...sparsityFor.map(([each]) => each)]) {
    if (names.some((name) => fitsGlob(name, glob))) continue;
    throw new CriaError(`no matrix is called ${glob}`, { remedy: `use a name or a glob such as ${names[0]}` });
  }
  const blocks = layers.map((layer) =>
    linearNames.flatMap((linear): Target[] => {
      const name = `${layerPrefix(layer)}${linear}.weight`;
      const tensor = checkpoint.tensors.get(name);
      if (!tensor || keep.some((glob) => fitsGlob(name, glob))) return [];
      const own = sparsityFor.findLast(([glob]) => fitsGlob(name, glob))?.[1] ?? sparsity;
      const [rows, columns] = shapes[linear];
      if (!suits(own, columns)) {
        skipped.push(name);
        return [];
      }
      return [{ name, rows, columns, input: inputPathOf[linear], sparsity: own, type: typeOf(tensor) }];
    }),
  );
  if (blocks.every((block) => block.length === 0)) {
    throw new CriaError('no matrix is left to prune', { remedy: 'keep fewer, or use another --sparsity' });
  }
  return { blocks, skipped };
}
