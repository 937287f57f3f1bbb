import { compile, type Program, type Value, type Values } from '../engine/index.ts';
import {
  adaptedWeights,
  type Config,
  embeddingName,
  embedRows,
  freshPositions,
  graphTemplates,
  type LoadedModel,
  layerPrefix,
  prefixNames,
  promptName,
  type Texts,
  textFeeds,
  type WeightReader,
  weightReader,
} from '../model/index.ts';
import { gradientName, input, mul, sum, withGradients } from '../tensor/index.ts';
import { type ForwardBackward, lossIn, microBatchFeeds, rowsOf } from './forward-backward.ts';
import type { Loss } from './losses.ts';
import type { MicroBatch } from './micro-batch.ts';
import type { ParameterBuffer } from './parameters.ts';
import type { Trainable } from './trainable.ts';

/**
 * The loss and its gradients block by block: forward keeps what each block reads and nothing else, backward computes
 * the block again and its gradients with it. One graph serves all blocks of a kind. Memory is bounded by one block,
 * the head, and the hidden states between blocks; with `held` the weights stay in memory, else each block's are read
 * from the checkpoint every time: in float32, whatever the model's precision. (Chen et al. 2016, with a block as the segment)
 */
export async function byLayerForwardBackward(
  model: LoadedModel,
  trainable: Trainable,
  buffer: ParameterBuffer,
  loss: Loss,
  held: boolean,
): Promise<ForwardBackward> {
  const { config, device, threads, progress } = model;
  const { adaptation } = trainable;
  const options = { device, threads };
  const isWanted = (name: string) => name === 'hidden' || buffer.value(name) !== undefined;
  const parts = model.decoder(adaptedWeights(model.bound('f32').weights, adaptation, config));
  const hidden = input('hidden', 'f32', ['batch', 'seq', config.hiddenSize]);
  const top = parts.logits(rowsOf(parts.norm(hidden)));
  const head = await compile(withGradients(loss(top), isWanted), options);
  const likes = graphTemplates({ config, adaptation });
  const kinds = new Map<number, Kind>();
  const kindOf = async (layer: number): Promise<Kind> => {
    const like = likes[layer] as number;
    const known = kinds.get(like) ?? (await compileKind(like));
    kinds.set(like, known);
    return known;
  };
  const compileKind = async (like: number): Promise<Kind> => {
    const output = parts.layer(like, hidden, freshPositions(config, 'batch', 'seq', adaptation.prefixTokens));
    const incoming = input('incoming', 'f32', ['batch', 'seq', config.hiddenSize]);
    // the gradients of <output, incoming> are the products of incoming with the Jacobian of output
    const backward = withGradients(sum(mul(output, incoming), [0, 1, 2]), isWanted);
    return { like, forward: await compile({ output }, options), backward: await compile(backward, options) };
  };
  const fixed = weightReader(model, held);
  const feedsOf = textFeeds(config, adaptation.prefixTokens);
  const heldOf = (name: string) => buffer.value(name)?.data;

  /** What every block reads, and the head last. */
  const statesOf = async ({ texts }: MicroBatch, feeds: Values, seq: number) => {
    const states = [embedRows(model, texts, seq, heldOf)];
    for (let layer = 0; layer < config.layers; layer++) {
      const { like, forward } = await kindOf(layer);
      const weights = namedValues(forward, like, layer, buffer, fixed);
      const { output } = await forward.run({ ...feeds, ...weights, hidden: states[layer] as Value });
      states.push(output as Value<'f32'>);
      if (!held) progress.step('forward', layer + 1, config.layers, 'layers');
    }
    return states;
  };
  const runHead = (microBatch: MicroBatch, top: Value | undefined, into: Values) =>
    head.run({ ...namedValues(head, 0, 0, buffer, fixed), ...microBatchFeeds(microBatch), hidden: top as Value }, into);

  return {
    async loss(microBatch) {
      const { feeds, seq } = feedsOf(microBatch.texts);
      const states = await statesOf(microBatch, feeds, seq);
      return lossIn(await runHead(microBatch, states.at(-1), {}));
    },
    async forwardBackward(microBatch) {
      const { feeds, seq } = feedsOf(microBatch.texts);
      const states = await statesOf(microBatch, feeds, seq);
      const results = await runHead(microBatch, states.pop(), gradientsInto(head, 0, 0, buffer));
      let incoming = results[hiddenGradient] as Value<'f32'>;
      for (let layer = config.layers - 1; layer >= 0; layer--) {
        const { like, backward } = await kindOf(layer);
        const weights = namedValues(backward, like, layer, buffer, fixed);
        const into = gradientsInto(backward, like, layer, buffer);
        const back = await backward.run({ ...feeds, ...weights, hidden: states.pop() as Value, incoming }, into);
        incoming = back[hiddenGradient] as Value<'f32'>;
        if (!held) progress.step('backward', config.layers - layer, config.layers, 'layers');
      }
      addEmbeddingGradients(buffer, microBatch.texts, incoming, config);
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
  buffer: ParameterBuffer,
  fixed: WeightReader,
): Values {
  const values: Record<string, Value> = {};
  for (const name of program.inputs.keys()) {
    const own = renamed(name, like, layer);
    const found = buffer.value(own) ?? fixed(own);
    if (found) values[name] = found;
  }
  return values;
}

function gradientsInto(program: Program, like: number, layer: number, buffer: ParameterBuffer): Values {
  const into: Record<string, Value> = {};
  for (const name of program.outputs.keys()) {
    if (!name.startsWith(gradientName('')) || name === hiddenGradient) continue;
    into[name] = buffer.gradient(renamed(name.slice(gradientName('').length), like, layer));
  }
  return into;
}

/** What flows back to the embeddings: the gradient of each position, added to the row of its token. */
function addEmbeddingGradients(
  buffer: ParameterBuffer,
  texts: Texts,
  { data: gradient, shape }: Value<'f32'>,
  { hiddenSize, vocabulary, embeddingScale, tiedEmbeddings }: Config,
): void {
  const gradientOf = (name: string) => (buffer.value(name) ? buffer.gradient(name).data : undefined);
  const [table, prompt] = [gradientOf(embeddingName), gradientOf(promptName)];
  if (!tiedEmbeddings) table?.fill(0); // else it holds what the head has given
  prompt?.fill(0);
  const scale = Math.fround(embeddingScale);
  for (const [b, ids] of texts.entries()) {
    for (const [s, id] of ids.entries()) {
      const [into, to, factor] =
        id < vocabulary ? [table, id * hiddenSize, scale] : [prompt, (id - vocabulary) * hiddenSize, 1];
      const from = (b * (shape[1] as number) + s) * hiddenSize;
      if (!into) continue;
      for (let k = 0; k < hiddenSize; k++)
        into[to + k] = (into[to + k] as number) + factor * (gradient[from + k] as number);
    }
  }
}
