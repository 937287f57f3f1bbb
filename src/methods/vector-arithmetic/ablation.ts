import type { Progress, Random } from '../../base/index.ts';
import type { Value } from '../../engine/index.ts';
import { type Asked, asked, logLikelihoods, type Predicted } from '../../evaluate/index.ts';
import { type Config, type Edit, type LoadedModel, openForward } from '../../model/index.ts';
import { constant, type Tensor, where } from '../../tensor/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import type { Head } from './heads.ts';
import { type PromptParts, shuffledFiller } from './prompts.ts';
import { beginningId, wordIds } from './spelling.ts';
import { pairsOf, type Task } from './tasks.ts';

/** Mean probabilities of right tokens with some heads held at their means. */
export interface Ablation {
  /** Of the tokens of a list that stands in the text a second time. */
  readonly copying: number;
  /** Of the answers of the tasks' pairs after five examples: translation, capitals. */
  readonly mapping: number;
}

/** Texts that are copied, texts that are mapped, and texts of which means are taken. */
export interface AblationTexts {
  readonly copying: readonly Predicted[];
  readonly mapping: readonly Predicted[];
  readonly plain: readonly (readonly number[])[];
}

const [copies, plainTexts, listLength, shots, mostQuestions] = [64, 16, 12, 5, 192];

/** Each pair of a task as a question with its answer, behind five examples. */
export function exampleQuestions({ name, lines }: Task, seed: number): Asked[] {
  const pairs = pairsOf(lines);
  const questions = pairs.map(([answer, given]) => ({ prompt: `Q: ${given}\nA:`, answer, where: name }));
  return asked(questions, { shots: Math.min(shots, pairs.length - 1), seed });
}

/** The texts of the experiment: lists of filler tokens twice, and questions of all tasks. */
export function ablationTexts(
  tokenizer: Tokenizer,
  parts: PromptParts,
  tasks: readonly Task[],
  seed: number,
  random: Random,
): AblationTexts {
  const list = () => shuffledFiller(parts, listLength, undefined, random);
  const questions = tasks.flatMap((task) =>
    exampleQuestions(task, seed).slice(0, Math.ceil(mostQuestions / tasks.length)),
  );
  return {
    copying: Array.from({ length: copies }, () => {
      const tokens = list();
      const ids = [parts.beginning, ...tokens, parts.newline, ...tokens];
      return { ids, from: listLength + 3 }; // the first token of the copy is not told by what stands before it
    }),
    mapping: questions.map(({ text, answer }) => {
      const before = [beginningId(tokenizer, 'the task'), ...tokenizer.encode(text, { special: false })];
      return { ids: [...before, ...wordIds(tokenizer, answer)], from: before.length };
    }),
    plain: Array.from({ length: plainTexts }, () => [parts.beginning, ...list(), ...list()]),
  };
}

/**
 * What is left of copying and of mapping when heads write, at every position, the mean of what they write on plain
 * texts. (Feucht et al. 2025, The Dual-Route Model of Induction, section 4)
 */
export async function ablated(
  model: LoadedModel,
  texts: AblationTexts,
  means: readonly Float32Array[],
  heads: readonly Head[],
  watch: { readonly progress: Progress; readonly signal?: AbortSignal },
): Promise<Ablation> {
  const edits: Record<string, Edit> = {};
  for (const layer of new Set(heads.map((each) => each.layer))) {
    const chosen = heads.filter((each) => each.layer === layer).map(({ head }) => head);
    edits[headsPath(layer)] = heldAt(model.config, means[layer] as Float32Array, chosen);
  }
  const forward = await openForward(model, { edits });
  try {
    const mean = async (some: readonly Predicted[]) => {
      const likelihoods = (await logLikelihoods(forward, some, watch)).flatMap((each) => [...each]);
      return likelihoods.reduce((sum, each) => sum + Math.exp(each), 0) / likelihoods.length;
    };
    return { copying: await mean(texts.copying), mapping: await mean(texts.mapping) };
  } finally {
    await forward.dispose();
  }
}

/** What the heads of each layer write on plain texts of one length, the mean over all positions: [heads * size] a layer. */
export async function meanHeads(
  model: LoadedModel,
  { plain }: AblationTexts,
  signal: AbortSignal | undefined,
): Promise<Float32Array[]> {
  const paths = Array.from({ length: model.config.layers }, (_, layer) => headsPath(layer));
  const forward = await openForward(model, { read: paths });
  try {
    const { read } = await forward.run(plain, { signal });
    return paths.map((path) => {
      const { shape, data } = read[path] as Value<'f32'>;
      const size = shape[2] as number;
      const sums = new Float64Array(size);
      for (const [i, x] of data.entries()) sums[i % size] = (sums[i % size] as number) + x;
      return Float32Array.from(sums, (sum) => (sum * size) / data.length);
    });
  } finally {
    await forward.dispose();
  }
}

const headsPath = (layer: number) => `layers.${layer}.attention.heads`;

/** Puts means in the place of some heads' outputs. */
function heldAt({ headSize }: Config, means: Float32Array, heads: readonly number[]): Edit {
  const held = Uint8Array.from(means, (_, i) => Number(heads.includes(Math.floor(i / headSize))));
  const shape = [1, 1, means.length];
  return (x: Tensor) => where(constant('bool', shape, held), constant('f32', shape, means), x);
}
