import { CriaError } from '../base/index.ts';
import {
  type LoraAdapter,
  type LoraModule,
  loraScale,
  type PrefixAdapter,
  type PromptAdapter,
} from '../checkpoint/index.ts';
import {
  embeddingName,
  type LinearName,
  type LoadedModel,
  layerPrefix,
  linearNames,
  linearShapes,
} from '../model/index.ts';
import { fillNormal, fillUniform, randomFor } from './parameters.ts';

export interface LoraOptions {
  readonly rank: number;
  readonly alpha: number;
  /** Scale by alpha / sqrt(rank) instead of alpha / rank. (Kalajdzievski 2023) */
  readonly rslora: boolean;
  /** Names of linear layers, as `q_proj`; all when empty. */
  readonly targets: readonly string[];
}

/**
 * LoRA on the named linear layers of every block, as PEFT starts it: A uniform as a linear layer's own weights
 * (kaiming_uniform_ with a = sqrt(5)), B zero, so that nothing changes yet. (Hu et al. 2021)
 * @throws CriaError if a target is not a linear layer, the rank is too large for one, or alpha is not positive.
 */
export function initLora({ config, path }: LoadedModel, options: LoraOptions, seed: number): LoraAdapter {
  const { rank, alpha, rslora } = options;
  if (!(alpha > 0)) {
    throw new CriaError(`must be positive (got ${alpha})`, { where: '--alpha' });
  }
  const modules = new Map<string, LoraModule>();
  for (let layer = 0; layer < config.layers; layer++) {
    for (const target of targetsOf(options.targets)) {
      const [out, inner] = linearShapes(config)[target];
      refuseRank(rank, target, out, inner);
      const a = new Float32Array(rank * inner);
      const module = layerPrefix(layer) + target;
      fillUniform(a, 1 / Math.sqrt(inner), randomFor(seed, module));
      const scale = loraScale(alpha, rank, rslora);
      modules.set(module, { rank, alpha, scale, inner, out, a, b: new Float32Array(out * rank) });
    }
  }
  return { kind: 'lora', base: path, rslora, modules };
}

/** The linear layers that short or full names mean; all of a block's when there are none. */
export function targetsOf(given: readonly string[]): readonly LinearName[] {
  if (given.length === 0) return linearNames;
  return given.map((name) => {
    const found = linearNames.find((linear) => linear === name || linear.endsWith(`.${name}`));
    if (found) return found;
    const known = linearNames.map((linear) => linear.split('.')[1]).join(', ');
    throw new CriaError(`'${name}' is not a linear layer`, { where: '--targets', remedy: `use some of ${known}` });
  });
}

function refuseRank(rank: number, target: string, out: number, inner: number): void {
  const most = Math.min(out, inner);
  if (rank <= most) return;
  throw new CriaError(`a rank of ${rank} is too large for ${target} of ${out} x ${inner}`, {
    where: '--rank',
    remedy: `use at most ${most}`,
  });
}

/** A soft prompt that starts as the embeddings of random words. (Lester et al. 2021, section 3.1) */
export function initPrompt({ config, checkpoint, path }: LoadedModel, tokens: number, seed: number): PromptAdapter {
  const { hiddenSize, vocabulary, embeddingScale } = config;
  const random = randomFor(seed, 'prompt');
  const embeddings = new Float32Array(tokens * hiddenSize);
  for (let t = 0; t < tokens; t++) {
    const id = Math.floor(random() * vocabulary);
    const into = embeddings.subarray(t * hiddenSize, (t + 1) * hiddenSize);
    checkpoint.readFloat32(embeddingName, { rows: [id, id + 1], into });
    for (let i = 0; i < hiddenSize; i++) into[i] = (into[i] as number) * embeddingScale;
  }
  return { kind: 'prompt', base: path, tokens, width: hiddenSize, embeddings };
}

const prefixDeviation = 0.02; // small: at first a prefix draws a little attention and says nothing

/** Keys and values before the text, small random numbers. (Li and Liang 2021) */
export function initPrefix({ config, path }: LoadedModel, tokens: number, seed: number): PrefixAdapter {
  const { layers, keyValueHeads: heads, headSize } = config;
  const rows = (part: string) =>
    Array.from({ length: layers }, (_, layer) => {
      const values = new Float32Array(tokens * heads * headSize);
      fillNormal(values, prefixDeviation, randomFor(seed, `prefix ${layer} ${part}`));
      return values;
    });
  return { kind: 'prefix', base: path, tokens, heads, headSize, keys: rows('key'), values: rows('value') };
}
