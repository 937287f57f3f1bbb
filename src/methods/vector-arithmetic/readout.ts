import { compile, type Value, value } from '../../engine/index.ts';
import type { Rows } from '../../linalg/index.ts';
import { argmax, decoder, finalNormName, floatWeights, type LoadedModel, openHead } from '../../model/index.ts';
import { input } from '../../tensor/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import { wordIds } from './spelling.ts';

/** What the model's head reads from states of any layer. */
export interface ReadOut {
  /** The logit lens: states [rows, width] through the final norm and the head, logits [rows, vocabulary]. */
  logits(states: Rows): Promise<Float32Array>;
  /** The share of states from which the first token of the wanted word is read, case apart. */
  accuracy(states: Rows, wanted: readonly string[], tokenizer: Tokenizer): Promise<number>;
  dispose(): Promise<void>;
}

const rowsAtOnce = 64; // logits of 64 rows of a vocabulary of 262,144 take 67 MB

export async function openReadOut(model: LoadedModel): Promise<ReadOut> {
  const { config, checkpoint, device, threads } = model;
  const hidden = input('hidden', 'f32', [1, 'rows', config.hiddenSize]);
  const norm = await compile({ lastHidden: decoder(config, floatWeights).norm(hidden) }, { device, threads });
  const head = openHead(model, 'f32');
  const gain = value('f32', [config.hiddenSize], checkpoint.readFloat32(finalNormName));
  const logits = async ({ rows, columns, data }: Rows): Promise<Float32Array> => {
    const { lastHidden } = await norm.run({ hidden: value('f32', [1, rows, columns], data), [finalNormName]: gain });
    return head.logits((lastHidden as Value<'f32'>).data);
  };
  return {
    logits,
    async accuracy({ rows, columns, data }, wanted, tokenizer) {
      const spelled = (id: number | undefined) =>
        tokenizer
          .decode(id === undefined ? [] : [id])
          .trim()
          .toLowerCase();
      let right = 0;
      for (let from = 0; from < rows; from += rowsAtOnce) {
        const count = Math.min(rowsAtOnce, rows - from);
        const some = data.subarray(from * columns, (from + count) * columns);
        const read = await logits({ rows: count, columns, data: some });
        for (let i = 0; i < count; i++) {
          const id = argmax(read.subarray(i * config.vocabulary, (i + 1) * config.vocabulary));
          const [first] = wordIds(tokenizer, wanted[from + i] as string);
          if (spelled(id) === spelled(first)) right++;
        }
      }
      return right / rows;
    },
    async dispose() {
      await norm.dispose();
      await head.dispose();
    },
  };
}
