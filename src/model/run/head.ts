import { allFinite } from '../../base/index.ts';
import { compile, integers, type Program, type Value, type Values, value } from '../../engine/index.ts';
import { input, logLikelihood, type Tensor } from '../../tensor/index.ts';
import { headName } from '../architecture/names.ts';
import { weightFeeds } from '../weights/bind.ts';
import { nonFinite } from '../weights/finite.ts';
import type { Precision } from '../weights/packing.ts';
import type { LoadedModel } from './open.ts';

const rowsAtOnce = 256; // logits of 256 rows of a vocabulary of 128,000 take 131 MB

/** The final linear map on rows of lastHidden hidden states, in pieces, so that the logits' size stays bounded. */
export function openHead(model: LoadedModel, precision: Precision) {
  const { config, device, threads } = model;
  const { hiddenSize, vocabulary } = config;
  const bound = model.bound(precision);
  const head = model.decoder(bound.weights);
  const rows = input('lastHidden', 'f32', ['rows', hiddenSize]);
  const programs = new Map<string, Promise<Program>>();
  const program = (name: string, output: () => Tensor): Promise<Program> => {
    const weights = bound.packed ? bound.value : undefined;
    const known = programs.get(name) ?? compile({ [name]: output() }, { device, threads, weights });
    programs.set(name, known);
    return known;
  };
  const perRows = async (
    lastHidden: Float32Array,
    compiled: Program,
    into: Float32Array,
    extra: (from: number, to: number) => Values,
  ): Promise<Float32Array> => {
    const count = lastHidden.length / hiddenSize;
    const weights = weightFeeds(compiled, bound.value);
    for (let from = 0; from < count; from += rowsAtOnce) {
      const to = Math.min(count, from + rowsAtOnce);
      const piece = value('f32', [to - from, hiddenSize], lastHidden.subarray(from * hiddenSize, to * hiddenSize));
      const results = await compiled.run({ ...weights, lastHidden: piece, ...extra(from, to) });
      const result = Object.values(results)[0] as Value<'f32'>;
      into.set(result.data, (from * into.length) / count);
    }
    // what was not finite before the head is for the caller to explain
    if (!allFinite(into) && allFinite(lastHidden)) throw nonFinite(model.checkpoint, 'the head', [headName(config)]);
    return into;
  };
  return {
    async likelihoods(lastHidden: Float32Array, targets: readonly number[]): Promise<Float32Array> {
      const compiled = await program('likelihood', () =>
        logLikelihood(head.logits(rows), input('targets', 'i64', ['rows'])),
      );
      const into = new Float32Array(targets.length);
      return perRows(lastHidden, compiled, into, (from, to) => ({ targets: integers(targets.slice(from, to)) }));
    },
    async logits(lastHidden: Float32Array): Promise<Float32Array> {
      const compiled = await program('logits', () => head.logits(rows));
      return perRows(lastHidden, compiled, new Float32Array((lastHidden.length / hiddenSize) * vocabulary), () => ({}));
    },
    async dispose(): Promise<void> {
      for (const compiled of programs.values()) await (await compiled).dispose();
    },
  };
}
