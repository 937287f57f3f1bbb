import { CriaError } from '../../base/index.ts';
import type { Checkpoint, StoredTensor } from '../../checkpoint/index.ts';
import type { Config } from '../architecture/config.ts';
import { embeddingName, headName, layerPrefix, weightShapes } from '../architecture/names.ts';

const mismatch = 'config.json and the weights are of different models';

/**
 * Checks the tensors of a checkpoint against its configuration, before anything is allocated.
 * @throws CriaError when one is missing, has another shape, or holds integers that nothing says how to scale.
 */
export function checkWeights(checkpoint: Checkpoint, config: Config): void {
  const shapes = weightShapes(config);
  const classifier = [...checkpoint.tensors.keys()].find((name) => ofClassifier.test(name));
  if (classifier !== undefined && !checkpoint.tensors.has('lm_head.weight')) {
    const remedy = 'use the language model that it was made from';
    throw new CriaError(`is a classifier (${classifier}), not a language model`, { where: checkpoint.path, remedy });
  }
  const scale = [...checkpoint.tensors.keys()].find((name) => !shapes.has(name) && ofScheme.test(name));
  if (scale !== undefined) throw unscaled(checkpoint, scale, 'belongs to quantized weights');
  for (const [name, shape] of shapes) {
    const stored = checkpoint.tensors.get(name);
    if (!stored) throw missing(checkpoint, config, name);
    if (String(stored.shape) !== String(shape)) {
      const what = `has the shape [${stored.shape.join(', ')}], but config.json requires [${shape.join(', ')}]`;
      throw new CriaError(what, { where: `${stored.file}: ${name}`, remedy: mismatch });
    }
    if (integerTypes.has(stored.type)) throw unscaled(checkpoint, name, `holds integers (${stored.type})`);
  }
  const beyond = [...checkpoint.tensors.keys()].find((name) => name.startsWith(layerPrefix(config.layers)));
  if (beyond === undefined) return;
  const what = `is beyond the ${config.layers} layers of config.json`;
  throw new CriaError(what, { where: `${checkpoint.path}: ${beyond}`, remedy: mismatch });
}

const ofClassifier = /^(score|classifier|qa_outputs)\.(weight|dense\.weight|out_proj\.weight)$/;
/** Tensors that belong to a quantization scheme. */
const ofScheme = /(^|[._])(scales?|weight_scale|weight_scale_inv|scale_inv|zero_point|qweight|qzeros|g_idx|absmax)$/;
const integerTypes: ReadonlySet<StoredTensor['type']> = new Set(['I64', 'I32', 'I16', 'I8', 'U8', 'BOOL']);

const unscaled = ({ path }: Checkpoint, name: string, what: string) =>
  new CriaError(`${what}, but config.json has no quantization_config for its scales`, {
    where: `${path}: ${name}`,
    remedy: 'use the checkpoint with its quantization_config, in bf16, or as GGUF',
  });

function missing(checkpoint: Checkpoint, config: Config, name: string): CriaError {
  const { path, tensors } = checkpoint;
  const where = `${path}: ${name}`;
  if (name === headName(config) && name !== embeddingName) {
    const remedy =
      'set tie_word_embeddings to true in config.json if the head is the embedding, or download the head too';
    return new CriaError('the tensor is missing, and tie_word_embeddings is false', { where, remedy });
  }
  const names = [...tensors.keys()];
  const related = names.find((each) => each.endsWith(name) || each.endsWith(name.replace(/^model\./, '')));
  const found = related ?? names[0];
  const remedy =
    related === undefined
      ? `is the download complete? The first of its ${names.length} tensors is ${found ?? '(none)'}`
      : `the file has ${related}: it holds another kind of model, or its names have a prefix`;
  return new CriaError('the tensor is missing', { where, remedy });
}

/** Tensors that are known to be of no use, in checkpoints of older programs. */
const harmless = /(rotary_emb\.inv_freq|\.masked_bias|attention\.bias)$/;

/** The tensors of a checkpoint that the configuration does not use: parts of another model, biases that it denies. */
export function unusedTensors(checkpoint: Checkpoint, config: Config): string[] {
  const used = weightShapes(config);
  const isCopy = (name: string) => name === 'lm_head.weight' && config.tiedEmbeddings;
  return [...checkpoint.tensors.keys()].filter((name) => !used.has(name) && !harmless.test(name) && !isCopy(name));
}
