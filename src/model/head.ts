import { allFinite } from '../base/index.ts';
import { compile, integers, type Program, type Value, type Values, value } from '../engine/index.ts';
import { input, logLikelihood, type Tensor } from '../tensor/index.ts';
import { weightFeeds } from './bind.ts';
import { decoder } from './decoder.ts';
import { nonFinite } from './finite.ts';
import { headName } from './names.ts';
import type { LoadedModel } from './open.ts';
import type { Precision } from './packing.ts';

const rowsAtOnce = 256; // logits of 256 rows of a vocabulary of 128,000 take 131 MB

/** The final linear map on rows of normed hidden states, in pieces, so that the logits' size stays bounded. */
export function openHead(model: LoadedModel, precision: Precision) {
  const { config, device, threads } = model;
  const { width, vocabulary } = config;
  const bound = model.bound(precision);
  const head = decoder(config, bound.weights);
  const rows = input('normed', 'f32', ['rows', width]);
  const programs = new Map<string, Promise<Program>>();
  const program = (name: string, output: () => Tensor): Promise<Program> => {
    const weights = bound.packed ? bound.value : undefined;
    const known = programs.get(name) ?? compile({ [name]: output() }, { device, threads, weights });
    programs.set(name, known);
    return known;
  };
  const perRows = async (
    normed: Float32Array,
    compiled: Program,
    into: Float32Array,
    extra: (from: number, to: number) => Values,
  ): Promise<Float32Array> => {
    const count = normed.length / width;
    const weights = weightFeeds(compiled, bound.value);
    for (let from = 0; from < count; from += rowsAtOnce) {
      const to = Math.min(count, from + rowsAtOnce);
      const piece = value('f32', [to - from, width], normed.subarray(from * width, to * width));
      const results = await compiled.run({ ...weights, normed: piece, ...extra(from, to) });
      const result = Object.values(results)[0] as Value<'f32'>;
      into.set(result.data, (from * into.length) / count);
    }
    // what was not finite before the head is for the caller to explain
    if (!allFinite(into) && allFinite(normed)) throw nonFinite(model.checkpoint, 'the head', [headName(config)]);
    return into;
  };
  return {
    async likelihoods(normed: Float32Array, targets: readonly number[]): Promise<Float32Array> {
      const compiled = await program('likelihood', () =>
        logLikelihood(head.logits(rows), input('targets', 'i64', ['rows'])),
      );
      const into = new Float32Array(targets.length);
      return perRows(normed, compiled, into, (from, to) => ({ targets: integers(targets.slice(from, to)) }));
    },
    async logits(normed: Float32Array): Promise<Float32Array> {
      const compiled = await program('logits', () => head.logits(rows));
      return perRows(normed, compiled, new Float32Array((normed.length / width) * vocabulary), () => ({}));
    },
    async dispose(): Promise<void> {
      for (const compiled of programs.values()) await (await compiled).dispose();
    },
  };
}
