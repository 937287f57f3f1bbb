import { type CompileOptions, compile, integers, scratch, type Value, value } from '../../engine/index.ts';
import type { Rows } from '../../linalg/index.ts';
import { gather, input } from '../../tensor/index.ts';
import type { Batch } from '../../train/index.ts';

/** Which positions of a batch count, as rows of its activations [batch * seq, size]. */
export interface CountedRows {
  readonly rows: readonly number[];
  /** All of them do. */
  readonly all: boolean;
}

/**
 * The rows of tokens that are learned, of a batch whose texts are padded on the right to one length and stand behind
 * `before` virtual tokens.
 */
export function countedRows(batch: Batch, before = 0): CountedRows {
  const seq = before + Math.max(...batch.map(({ ids }) => ids.length));
  const rows = batch.flatMap(({ ids, lossMask }, b) =>
    ids.flatMap((_, s) => (lossMask?.[s] === false ? [] : [b * seq + before + s])),
  );
  return { rows, all: rows.length === batch.length * seq };
}

/**
 * Takes the counted rows out of activations [batch, seq, size]; where all count they are the same numbers in place. They
 * are written over when rows are taken again.
 */
export async function openRowTaker(options: CompileOptions) {
  const taken = gather(input('x', 'f32', ['rows', 'size']), input('index', 'i64', ['taken']));
  const program = await compile({ taken }, options);
  const room = scratch();
  return {
    async take({ data, shape }: Value<'f32'>, { rows, all }: CountedRows): Promise<Rows> {
      const columns = shape[2] as number;
      if (all) return { rows: rows.length, columns, data };
      const x = value('f32', [data.length / columns, columns], data);
      const into = room('taken', 'f32', [rows.length, columns]);
      await program.run({ x, index: integers(rows) }, { taken: into });
      return { rows: rows.length, columns, data: into.data };
    },
    dispose: () => program.dispose(),
  };
}
