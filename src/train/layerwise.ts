import { compile, type Program, type Value, type Values } from '../engine/index.ts';
import {
  adaptedWeights,
  blockKinds,
  type Config,
  decoder,
  embeddingName,
  embedRows,
  freshPositions,
  type LoadedModel,
  layerPrefix,
  prefixNames,
  promptName,
  type Texts,
  textFeeds,
  type WeightReader,
  weightReader,
} from '../model/index.ts';
import { input, mul, sum } from '../tensor/index.ts';
import { gradientName, type Learner, lessonFeeds, lossIn, rowsOf, withGradients } from './learner.ts';
import type { Lesson } from './lesson.ts';
import type { Loss } from './losses.ts';
import type { ParameterStore } from './parameters.ts';
import type { Trainee } from './trainee.ts';

/**
 * The loss and its gradients block by block: forward keeps what each block reads and nothing else, backward computes
 * the block again and its gradients with it. One graph serves all blocks of a kind. Memory is bounded by one block,
 * the head, and the hidden states between blocks; with `held` the weights stay in memory, else each block's are read
 * from the checkpoint every time: in float32, whatever the model's precision. (Chen et al. 2016, with a block as the segment)
 */
export async function layerwiseLearner(
  model: LoadedModel,
  trainee: Trainee,
  store: ParameterStore,
  loss: Loss,
  held: boolean,
): Promise<Learner> {
  const { config, device, threads, progress } = model;
  const { adaptation } = trainee;
  const options = { device, threads };
  const isWanted = (name: string) => name === 'hidden' || store.value(name) !== undefined;
  const parts = decoder(config, adaptedWeights(model.bound('f32').weights, adaptation, config));
  const hidden = input('hidden', 'f32', ['batch', 'seq', config.width]);
  const top = parts.logits(rowsOf(parts.norm(hidden)));
  const head = await compile(withGradients(loss(top), isWanted), options);
  const likes = blockKinds({ config, adaptation });
  const kinds = new Map<number, Kind>();
  const kindOf = async (layer: number): Promise<Kind> => {
    const like = likes[layer] as number;
    const known = kinds.get(like) ?? (await compileKind(like));
    kinds.set(like, known);
    return known;
  };
  const compileKind = async (like: number): Promise<Kind> => {
    const output = parts.layer(like, hidden, freshPositions(config, 'batch', 'seq', adaptation.prefixTokens));
    const incoming = input('incoming', 'f32', ['batch', 'seq', config.width]);
    // the gradients of <output, incoming> are the products of incoming with the Jacobian of output
    const backward = withGradients(sum(mul(output, incoming), [0, 1, 2]), isWanted);
    return { like, forward: await compile({ output }, options), backward: await compile(backward, options) };
  };
  const fixed = weightReader(model, held);
  const feedsOf = textFeeds(config, adaptation.prefixTokens);
  const heldOf = (name: string) => store.value(name)?.data;

  /** What every block reads, and the head last. */
  const statesOf = async ({ texts }: Lesson, feeds: Values, seq: number) => {
    const states = [embedRows(model, texts, seq, heldOf)];
    for (let layer = 0; layer < config.layers; layer++) {
      const { like, forward } = await kindOf(layer);
      const weights = namedValues(forward, like, layer, store, fixed);
      const { output } = await forward.run({ ...feeds, ...weights, hidden: states[layer] as Value });
      states.push(output as Value<'f32'>);
      if (!held) progress.step('forward', layer + 1, config.layers, 'layers');
    }
    return states;
  };
  const runHead = (lesson: Lesson, top: Value | undefined, into: Values) =>
    head.run({ ...namedValues(head, 0, 0, store, fixed), ...lessonFeeds(lesson), hidden: top as Value }, into);

  return {
    async loss(lesson) {
      const { feeds, seq } = feedsOf(lesson.texts);
      const states = await statesOf(lesson, feeds, seq);
      return lossIn(await runHead(lesson, states.at(-1), {}));
    },
    async learn(lesson) {
      const { feeds, seq } = feedsOf(lesson.texts);
      const states = await statesOf(lesson, feeds, seq);
      const results = await runHead(lesson, states.pop(), gradientsInto(head, 0, 0, store));
      let incoming = results[hiddenGradient] as Value<'f32'>;
      for (let layer = config.layers - 1; layer >= 0; layer--) {
        const { like, backward } = await kindOf(layer);
        const weights = namedValues(backward, like, layer, store, fixed);
        const into = gradientsInto(backward, like, layer, store);
        const back = await backward.run({ ...feeds, ...weights, hidden: states.pop() as Value, incoming }, into);
        incoming = back[hiddenGradient] as Value<'f32'>;
        if (!held) progress.step('backward', config.layers - layer, config.layers, 'layers');
      }
      addEmbeddingGradients(store, lesson.texts, incoming, config);
      return lossIn(results);
    },
    async dispose() {
      await head.dispose();
      for (const { forward, backward } of kinds.values()) {
        await forward.dispose();
        await backward.dispose();
      }
    },
  };
}

/** The programs of all blocks that differ in their weights alone, made for the block `like`. */
interface Kind {
  readonly like: number;
  readonly forward: Program;
  readonly backward: Program;
}

const hiddenGradient = gradientName('hidden');

/** The names of block `like` as those of block `layer`. */
function renamed(name: string, like: number, layer: number): string {
  if (name.startsWith(layerPrefix(like))) return layerPrefix(layer) + name.slice(layerPrefix(like).length);
  const [from, to] = [prefixNames(like), prefixNames(layer)];
  return name === from.key ? to.key : name === from.value ? to.value : name;
}

/** The weights of a program that was made for the block `like`, of the block `layer`. */
function namedValues(
  program: Program,
  like: number,
  layer: number,
  store: ParameterStore,
  fixed: WeightReader,
): Values {
  const values: Record<string, Value> = {};
  for (const name of program.inputs.keys()) {
    const own = renamed(name, like, layer);
    const found = store.value(own) ?? fixed(own);
    if (found) values[name] = found;
  }
  return values;
}

function gradientsInto(program: Program, like: number, layer: number, store: ParameterStore): Values {
  const into: Record<string, Value> = {};
  for (const name of program.outputs.keys()) {
    if (!name.startsWith(gradientName('')) || name === hiddenGradient) continue;
    into[name] = store.gradient(renamed(name.slice(gradientName('').length), like, layer));
  }
  return into;
}

/** What flows back to the embeddings: the gradient of each position, added to the row of its token. */
function addEmbeddingGradients(
  store: ParameterStore,
  texts: Texts,
  { data: gradient, shape }: Value<'f32'>,
  { width, vocabulary, embeddingScale, tiedEmbeddings }: Config,
): void {
  const gradientOf = (name: string) => (store.value(name) ? store.gradient(name).data : undefined);
  const [table, prompt] = [gradientOf(embeddingName), gradientOf(promptName)];
  if (!tiedEmbeddings) table?.fill(0); // else it holds what the head has given
  prompt?.fill(0);
  const scale = Math.fround(embeddingScale);
  for (const [b, ids] of texts.entries()) {
    for (const [s, id] of ids.entries()) {
      const [into, to, factor] = id < vocabulary ? [table, id * width, scale] : [prompt, (id - vocabulary) * width, 1];
      const from = (b * (shape[1] as number) + s) * width;
      if (!into) continue;
      for (let k = 0; k < width; k++) into[to + k] = (into[to + k] as number) + factor * (gradient[from + k] as number);
    }
  }
}
