import { allFinite, CriaError, concatArrays, throwIfAborted } from '../../base/index.ts';
import { type Value, type Values, value } from '../../engine/index.ts';
import { prefixNames } from '../architecture/positions.ts';
import { promptIds, virtualTokens } from '../weights/adapters.ts';
import { gateFeeds } from '../weights/lora.ts';
import type { ActivationOptions } from './backbone.ts';
import { cacheParts, emptySequence, type Sequence } from './cache.ts';
import { maskFeeds } from './cache-feeds.ts';
import { areAlike, feedsBetween, feedsTogether } from './decoder-feeds.ts';
import { checkPaths, openForward } from './forward.ts';
import { byLayerDecoderPlan } from './incremental-by-layer.ts';
import { chunk, type DecoderPlan, type DecoderResult, type DecoderRun } from './incremental-plan.ts';
import { wholeDecoderPlan } from './incremental-whole.ts';
import { generationNeed, usualTokens } from './memory-estimate.ts';
import type { LoadedModel, Plan } from './open.ts';
import { rotations } from './rope-feeds.ts';
import { checkTexts } from './texts.ts';

/** Further tokens of a sequence. */
export interface Piece {
  readonly sequence: Sequence;
  readonly ids: readonly number[];
  /** Of which tokens logits are returned: the last one where it is not given. */
  readonly logits?: 'last' | 'all';
  /**
   * Inputs of edits, wrapped decoders and gated adapters, by name. One of a shape [1, seq, …] has a row for every token, and
   * where nothing of the sequence has been read, for the virtual tokens in front of it.
   */
  readonly feeds?: Values;
}

/** What reading a piece gives. */
export interface PieceResult {
  /** [rows, vocabulary]: one row, or one a token. */
  readonly logits: Float32Array;
  /** The activations that were asked for, [1, tokens, size]. */
  readonly read: Readonly<Record<string, Value<'f32'>>>;
}

/** A model that reads texts piece by piece, keeping what it has read in a cache. */
export interface IncrementalDecoder {
  readonly plan: Plan;
  /** A sequence of which nothing has been read. */
  open(): Sequence;
  /**
   * Reads further tokens of sequences. Pieces of one token are read together, as many in one run as was asked for; longer
   * ones one after the other. What fails or is aborted leaves every sequence as it was.
   * @throws CriaError when an id is not in the vocabulary or the context is full.
   */
  extend(pieces: readonly Piece[], signal?: AbortSignal): Promise<readonly PieceResult[]>;
  dispose(): Promise<void>;
}

export interface DecoderOptions extends ActivationOptions {
  /**
   * How many sequences are read in one run: from 2 on other sessions are made that hold the weights again, where memory
   * allows it. 1 by default.
   */
  readonly together?: number;
}

type FeedsAt = (from: number, to: number) => Values;

/** A piece of one token, with its inputs. */
interface SinglePiece extends Piece {
  readonly piece: Piece;
  readonly feeds: Values;
}

const chunkOfLogits = 128; // where each has logits: 128 rows of a vocabulary of 128,000 take 66 MB

/** Opens a model for reading texts with a cache, under the plan that its memory allows. */
export async function openIncrementalDecoder(
  model: LoadedModel,
  options: DecoderOptions = {},
): Promise<IncrementalDecoder> {
  const { config, adaptation } = model;
  // the pattern of attention never stands in memory
  checkPaths(model, options, (path) => !path.endsWith('attention.pattern'));
  const { together = 1 } = options;
  const plan = model.planFor(generationNeed(model, 'whole', usualTokens(config), together).peak);
  const whole = plan === 'whole';
  const reader = whole ? await wholeDecoderPlan(model, together, options) : byLayerDecoderPlan(model, options);
  const rotation = rotations(config);
  const start = virtualTokens(adaptation);
  return {
    plan,
    open: () => emptySequence(config),
    dispose: reader.dispose,
    async extend(pieces, signal) {
      for (const { sequence, ids } of pieces) checkTexts([ids], model, sequence.ids.length);
      const before = pieces.map(({ sequence }) => sequence.ids.length);
      try {
        return await readAll(pieces, signal);
      } catch (error) {
        for (const [i, { sequence }] of pieces.entries()) sequence.truncate(before[i] as number);
        throw error;
      }
    },
  };

  async function readAll(pieces: readonly Piece[], signal?: AbortSignal): Promise<PieceResult[]> {
    const results = new Map<Piece, PieceResult>();
    const single: SinglePiece[] = [];
    for (const piece of pieces) {
      const length = start + piece.sequence.ids.length + piece.ids.length;
      const feedsAt = piece.sequence.length === 0 ? await begin(piece, length, signal) : textFeedsOf(piece);
      if (piece.ids.length > 1) results.set(piece, await readInChunks(piece, length, feedsAt, signal));
      else single.push({ ...piece, piece, feeds: feedsAt(0, 1) });
    }
    const most = reader.together?.most ?? 1;
    while (single.length > 0) {
      const [first] = single as [SinglePiece];
      const others = single.findIndex((each, i) => i === most || !areAlike(reader.inputs, first.feeds, each.feeds));
      const some = single.splice(0, others < 0 ? single.length : others);
      const { sequence, ids, feeds } = first;
      if (some.length > 1) for (const [piece, result] of await readTogether(some, signal)) results.set(piece, result);
      else results.set(first.piece, await run({ sequence, ids, feeds }, sequence.length + 1, [0], signal));
    }
    return pieces.map((piece) => results.get(piece) as PieceResult);
  }

  /** Reads one token of each of several sequences in one run. */
  async function readTogether(pieces: readonly SinglePiece[], signal?: AbortSignal): Promise<[Piece, PieceResult][]> {
    throwIfAborted(signal);
    const tokens = pieces.map(({ sequence, ids }) => ({ sequence, id: ids[0] as number }));
    for (const { sequence } of tokens) sequence.reserve(1);
    const positions = tokens.map(({ sequence }) => [sequence.length]);
    const where = rotation(
      positions,
      tokens.map(({ sequence }) => sequence.length + 1),
      [1, tokens.length],
    );
    const feeds = feedsTogether(
      reader.inputs,
      pieces.map((each) => each.feeds),
    );
    const { step } = reader.together as Required<DecoderPlan>['together'];
    const { logits, read } = await step(tokens, { ...feeds, ...where });
    for (const { sequence, id } of tokens) sequence.advance(1, [id]);
    await checkLogits(logits, pieces);
    return pieces.map(({ piece }, i) => {
      const own = Object.entries(read).map(([path, x]) => [path, rowOf(x, i)] as const);
      const row = logits.subarray(i * config.vocabulary, (i + 1) * config.vocabulary);
      return [piece, { logits: row, read: Object.fromEntries(own) }];
    });
  }

  /** Reads a piece some tokens at a time; `length` is the length that the text will have. */
  async function readInChunks(
    piece: Piece,
    length: number,
    feedsAt: FeedsAt,
    signal?: AbortSignal,
  ): Promise<PieceResult> {
    const { sequence, ids, logits = 'last' } = piece;
    const most = logits === 'all' ? chunkOfLogits : chunk;
    const results: DecoderResult[] = [];
    for (let from = 0; from < ids.length; from += most) {
      const some = ids.slice(from, from + most);
      const wanted = logits === 'all' ? [...some.keys()] : [some.length - 1];
      const feeds = feedsAt(from, from + some.length);
      results.push(await run({ sequence, ids: some, feeds }, length, wanted, signal));
    }
    const [last] = results.slice(-1) as [DecoderResult];
    if (results.length === 1) return last;
    const read = Object.keys(last.read).map((path) => [
      path,
      chained(results.map((each) => each.read[path] as Value<'f32'>)),
    ]);
    return {
      logits: logits === 'all' ? concatArrays(results.map((each) => each.logits)) : last.logits,
      read: Object.fromEntries(read),
    };
  }

  /** Reads tokens in one run; without `isText` they stand in front of the text. */
  async function run(
    { sequence, ids, feeds }: Pick<DecoderRun, 'sequence' | 'ids' | 'feeds'>,
    length: number,
    wanted: readonly number[],
    signal?: AbortSignal,
    isText = true,
  ): Promise<DecoderResult> {
    throwIfAborted(signal);
    sequence.reserve(ids.length);
    const positions = Array.from(ids, (_, i) => sequence.length + i);
    const where = { ...rotation([positions], [length]), ...maskFeeds(config, sequence.length, ids.length) };
    const result = await reader.step({ sequence, ids, wanted, where, feeds });
    sequence.advance(ids.length, isText ? ids : undefined);
    await checkLogits(result.logits, [{ sequence }]);
    return result;
  }

  async function checkLogits(logits: Float32Array, pieces: readonly Pick<Piece, 'sequence'>[]): Promise<void> {
    if (!allFinite(logits))
      await explain(
        model,
        pieces.map(({ sequence }) => sequence.ids).filter((text) => text.length > 0),
      );
  }

  /**
   * Fills a sequence with what stands in front of every text: the prefix, then what the prompt's tokens give. Returns the
   * inputs of the text's own positions.
   */
  async function begin(piece: Piece, length: number, signal?: AbortSignal): Promise<FeedsAt> {
    const { sequence } = piece;
    fillPrefix(model, sequence);
    const ids = promptIds(model);
    const feedsAt = textFeedsOf(piece, ids.length);
    if (ids.length === 0) return feedsAt;
    const feeds = feedsAt(-ids.length, 0);
    await run({ sequence, ids, feeds }, length, [ids.length - 1], signal, false);
    return feedsAt;
  }

  /** The inputs of positions of a piece, in front of which `before` virtual tokens are read. */
  function textFeedsOf({ ids, feeds = {} }: Piece, before = 0): FeedsAt {
    const total = before + ids.length;
    return (from, to) => feedsBetween(reader.inputs, feeds, [before + from, before + to], total);
  }
}

/** Writes the prefix of the adapters into an empty sequence. */
function fillPrefix({ config, adaptation }: LoadedModel, sequence: Sequence): void {
  const { prefixTokens, values } = adaptation;
  if (prefixTokens === 0) return;
  sequence.reserve(prefixTokens);
  for (let layer = 0; layer < config.layers; layer++) {
    for (const part of cacheParts) {
      const rows = (values.get(prefixNames(layer)[part]) as Value<'f32'>).data;
      sequence.part(layer, part, 0, prefixTokens).data.set(rows);
    }
  }
  sequence.advance(prefixTokens);
}

/** Reads whole texts once more, and throws an error that names the tensor or the block where NaN or infinity first appears. */
async function explain(model: LoadedModel, texts: readonly (readonly number[])[]): Promise<never> {
  const forward = await openForward(model, { precision: 'f32' });
  const { gates } = model.adaptation;
  const read = texts.length > 0 ? texts : [[0]];
  const all = read.map((ids) => [...promptIds(model), ...ids]);
  try {
    const feeds = gateFeeds(all, gates, () => Array<number>(gates).fill(1));
    const { lastHidden } = await forward.run(read, { feeds });
    await forward.logits(lastHidden.data);
  } finally {
    await forward.dispose();
  }
  throw new CriaError('the logits contain NaN or Inf', { where: model.path, kind: 'failure' });
}

/** One position of an activation [1, seq, size]. */
function rowOf(x: Value<'f32'>, row: number): Value<'f32'> {
  const size = x.data.length / (x.shape[1] as number);
  return value('f32', [1, 1, ...x.shape.slice(2)], x.data.slice(row * size, (row + 1) * size));
}

/** Activations of the same kind, one after the other. */
function chained(pieces: readonly Value<'f32'>[]): Value<'f32'> {
  const rows = pieces.reduce((sum, { shape }) => sum + (shape[1] as number), 0);
  const [first] = pieces as readonly [Value<'f32'>];
  return value('f32', [1, rows, ...first.shape.slice(2)], concatArrays(pieces.map(({ data }) => data)));
}
