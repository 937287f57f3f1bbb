import { CriaError, throwIfAborted } from '../../base/index.ts';
import { compile, integers, type Program, type Value, value } from '../../engine/index.ts';
import {
  anyLayer,
  type Config,
  decoder,
  embedRows,
  finalNormName,
  floatWeights,
  freshPositions,
  type LoadedModel,
  openBlocks,
  openHead,
  type Positions,
  positionInputs,
  rotations,
  tapsOf,
} from '../../model/index.ts';
import {
  concat,
  constant,
  expand,
  input,
  type Outputs,
  reshape,
  slice,
  type Tensor,
  timesDim,
  toEnd,
  where,
} from '../../tensor/index.ts';
import { branchPositions, type TextMemory } from './tree-attention.ts';

/** Two texts of one length that differ before their last positions, and the token that is asked for after both. */
export interface PromptPair {
  readonly clean: readonly number[];
  readonly corrupted: readonly number[];
  readonly target: number;
}

/** Probabilities of the targets. */
export interface Patched {
  /** After the clean and the corrupted text, one a pair. */
  readonly clean: Float64Array;
  readonly corrupted: Float64Array;
  /** After the corrupted text with one head patched, [pairs, layers * heads]. */
  readonly patched: Float64Array;
}

/** Activation patching of every head, one at a time. */
export interface Patching {
  /** Pairs of one length. @throws CriaError when lengths differ or a text does not fit into the context. */
  run(pairs: readonly PromptPair[], signal?: AbortSignal): Promise<Patched>;
  dispose(): Promise<void>;
}

/**
 * Patches the output of each head at the position `count` from the end of the corrupted text with its output in the
 * clean one. (Feucht et al. 2025, The Dual-Route Model of Induction, section 2)
 *
 * Attention is causal, so the text before that position is the corrupted one whichever head was patched, and so are
 * its keys and values. What differs are the last `count` positions from the patched layer on: one *ending* a patched
 * head. One walk through the blocks carries the clean texts, the corrupted texts, and the endings of all heads of the
 * blocks below; each block adds those of its own heads. The result is exact.
 */
export function openPatching(model: LoadedModel, count: number): Patching {
  const { config, device, threads } = model;
  const weightsOf = openBlocks(model, model.planFor(model.bound('f32').bytes + roomForEndings) === 'whole');
  const head = openHead(model, 'f32');
  const rotation = rotations(config);
  const programs = new Map<string, Program>();
  const programFor = async (kind: string, graph: () => Outputs): Promise<Program> => {
    const known = programs.get(kind) ?? (await compile(graph(), { device, threads }));
    programs.set(kind, known);
    return known;
  };
  const gain = value('f32', [config.hiddenSize], model.checkpoint.readFloat32(finalNormName));

  return {
    async run(pairs, signal) {
      const seq = lengthOf(pairs, model, count);
      const batch = pairs.length;
      const positions = pairs.map(() => Array.from({ length: seq }, (_, i) => i));
      const where = rotation(positions, Array<number>(batch).fill(seq));
      const embedded = (texts: readonly (readonly number[])[]) => embedRows(model, texts, seq);
      let carried: Record<string, Value> = {
        clean: embedded(pairs.map((pair) => pair.clean)),
        corrupted: embedded(pairs.map((pair) => pair.corrupted)),
      };
      for (let layer = 0; layer < config.layers; layer++) {
        throwIfAborted(signal);
        const isFirst = layer === 0;
        const kind = `${batch} window ${config.slidingWindows[layer]}${isFirst ? ' first' : ''}`;
        const program = await programFor(kind, () => patchedLayer(config, layer, batch, count, isFirst));
        const branches = layer * config.heads;
        const ends = Array.from({ length: batch * branches * count }, (_, i) => seq - count + (i % count));
        const endsAt = { [positionInputs.branches]: integers(ends, [batch * branches, count]) };
        const next = await program.run({ ...where, ...endsAt, ...weightsOf(layer), ...carried });
        carried = Object.fromEntries(streams.map((name) => [name, next[`${name}.next`] as Value]));
      }
      const top = await programFor(`${batch} top`, () => lastPositions(config, batch, count));
      const { lastHidden } = await top.run({ ...carried, [finalNormName]: gain });
      const rows = config.layers * config.heads + 2;
      const targets = pairs.flatMap(({ target }) => Array<number>(rows).fill(target));
      return probabilities(await head.likelihoods((lastHidden as Value<'f32'>).data, targets), batch);
    },
    async dispose() {
      for (const program of programs.values()) await program.dispose();
      await head.dispose();
    },
  };
}

const roomForEndings = 2 ** 30;

/** What walks through the blocks. */
const streams = ['clean', 'corrupted', 'endings'] as const;

/** Block `index` on clean and corrupted texts [batch, seq, width] and on endings [batch, branches * count, width]. */
function patchedLayer(config: Config, index: number, batch: number, count: number, isFirst: boolean): Outputs {
  const parts = decoder(config, floatWeights);
  const texts = freshPositions(config, batch, 'seq');
  const heads = `layers.${index}.attention.heads`;
  const through = (hidden: Tensor, positions: Positions) => {
    const taps = tapsOf([heads]);
    const output = parts.layer(index, hidden, positions, taps, anyLayer);
    return { output, heads: taps.found.get(heads) as Tensor };
  };
  const patchedAt = (x: Tensor) => slice(x, 1, -count, 1 - count || toEnd, 1);

  const [clean, corrupted] = ['clean', 'corrupted'].map((name) =>
    input(name, 'f32', [batch, 'seq', config.hiddenSize]),
  );
  const memory = remembering(texts);
  const cleanNext = through(clean as Tensor, texts);
  const corruptedNext = through(corrupted as Tensor, memory.positions);

  // one row a head: the corrupted heads, of which one is the clean one
  const patched = where(ownSlice(config), patchedAt(cleanNext.heads), patchedAt(corruptedNext.heads));
  const edits = tapsOf([], { [heads]: () => patched });
  const first = parts.layer(index, patchedAt(corrupted as Tensor), texts, edits, anyLayer);
  const rows = [first, ...untouched(corruptedNext.output)].map((x) =>
    reshape(x, [batch, config.heads, 1, config.hiddenSize]),
  );
  const added = reshape(concat(rows, 2), [batch, config.heads * count, config.hiddenSize]);
  const read = { 'clean.next': cleanNext.output, 'corrupted.next': corruptedNext.output };
  if (isFirst) return { ...read, 'endings.next': added };

  const endings = input('endings', 'f32', [batch, timesDim(count, 'branches'), config.hiddenSize]);
  const moved = through(endings, branchPositions(config, batch, count, memory.seen())).output;
  return { ...read, 'endings.next': concat([moved, added], 1) };

  /** The positions behind the patched one, which see it from the next block on: the corrupted ones for every head. */
  function untouched(output: Tensor): Tensor[] {
    return Array.from({ length: count - 1 }, (_, i) => {
      const at = i + 1 - count;
      return expand(slice(output, 1, at, at + 1 || toEnd, 1), [batch, config.heads, config.hiddenSize]);
    });
  }
}

/** True where a column of the heads' outputs belongs to the head of the row: [1, heads, heads * size]. */
function ownSlice({ heads, headSize }: Config): Tensor {
  const own = new Uint8Array(heads * heads * headSize);
  for (let h = 0; h < heads; h++) own.fill(1, (h * heads + h) * headSize, (h * heads + h + 1) * headSize);
  return constant('bool', [1, heads, heads * headSize], own);
}

/** The same positions, and the rotated keys and the values that they have last been given. */
function remembering(positions: Positions): { positions: Positions; seen: () => TextMemory } {
  let memory: TextMemory | undefined;
  return {
    seen: () => memory as TextMemory,
    positions: {
      rotate: positions.rotate,
      attend(query, key, value, layer, at) {
        memory = { key, value };
        return positions.attend(query, key, value, layer, at);
      },
    },
  };
}

/** The final norm of the last positions of clean texts, corrupted texts and endings: [batch, 2 + branches, width]. */
function lastPositions(config: Config, batch: number, count: number): Outputs {
  const { hiddenSize } = config;
  const ends = ['clean', 'corrupted'].map((name) =>
    slice(input(name, 'f32', [batch, 'seq', hiddenSize]), 1, -1, toEnd),
  );
  const endings = input('endings', 'f32', [batch, timesDim(count, 'branches'), hiddenSize]);
  const last = slice(reshape(endings, [batch, 'branches', count, hiddenSize]), 2, -1, toEnd);
  const rows = concat([...ends, reshape(last, [batch, 'branches', hiddenSize])], 1);
  return { lastHidden: decoder(config, floatWeights).norm(rows) };
}

function probabilities(likelihoods: Float32Array, batch: number): Patched {
  const rows = likelihoods.length / batch;
  const heads = rows - 2;
  const at = (pair: number, row: number) => Math.exp(likelihoods[pair * rows + row] as number);
  return {
    clean: Float64Array.from({ length: batch }, (_, i) => at(i, 0)),
    corrupted: Float64Array.from({ length: batch }, (_, i) => at(i, 1)),
    patched: Float64Array.from({ length: batch * heads }, (_, i) => at(Math.floor(i / heads), 2 + (i % heads))),
  };
}

function lengthOf(pairs: readonly PromptPair[], { config, path }: LoadedModel, count: number): number {
  const seq = pairs[0]?.clean.length ?? 0;
  const alike = pairs.every(({ clean, corrupted }) => clean.length === seq && corrupted.length === seq);
  if (!alike || seq <= count)
    throw new CriaError('prompts of unequal lengths are patched together', { kind: 'failure' });
  if (seq <= config.context) return seq;
  throw new CriaError(`prompts of ${seq} tokens do not fit into the context of ${config.context}`, {
    where: path,
    remedy: 'use a smaller --length',
  });
}
