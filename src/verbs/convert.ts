import { byteSize, CriaError, refuseExisting } from '../base/index.ts';
import type { StoredType } from '../checkpoint/index.ts';
import {
  adapterOption,
  argument,
  choice,
  defineVerb,
  forceOption,
  modelArgument,
  modelPath,
} from '../options/index.ts';
import { refuseAround, refuseGgufName } from './shared/replace.ts';

const types = ['auto', 'f32', 'f16', 'bf16', 'q4_0', 'q4_1', 'q8_0', 'q4_k', 'q6_k'] as const;

export const verb = defineVerb({
  arguments: { model: modelArgument, out: argument('the folder or the .gguf file to write') },
  options: {
    to: choice(['safetensors', 'gguf', 'onnx'], 'the format', 'safetensors'),
    dtype: choice(types, "the type of the weights (auto: the source's)", 'auto'),
    adapter: adapterOption,
    force: forceOption,
  },
  examples: ['convert model.gguf model --dtype f16', 'convert org/name model.gguf --to gguf --dtype q8_0'],
  async run({ args, options, progress, signal, print }) {
    const { to, dtype, force, seed, adapter } = options;
    const { out: path } = args;
    const { convert, inputHashes, provenanceOf, writeOnnxFolder } = await import('../artifact/index.ts');
    const { openCheckpoint } = await import('../checkpoint/index.ts');

    if (adapter.length > 0) {
      const remedy = 'fold it into the weights with cria merge first';
      throw new CriaError('weights are converted without adapters', { where: '--adapter', remedy });
    }
    if (to !== 'gguf') refuseGgufName(path, '--to gguf');
    const source = modelPath(args.model);
    if (force) refuseAround(path, source);
    if (to === 'onnx' && dtype !== 'auto' && dtype !== 'f32') {
      throw new CriaError(`an ONNX folder holds f32, not ${dtype}`, { where: '--dtype', remedy: 'leave it out' });
    }
    refuseExisting(path, force);
    const inputs = await inputHashes({ models: { [args.model]: source } }, { progress, signal });
    const provenance = provenanceOf('convert', args.model, { to, dtype }, seed, inputs);
    if (to === 'onnx') {
      const { loadModel, onnxModel } = await import('../model/index.ts');
      const { openTokenizer } = await import('../tokenizer/index.ts');
      const model = loadModel(source, { progress });
      try {
        const { checkpoint } = model;
        const tokenizer = openTokenizer(checkpoint.tokenizer, checkpoint.generation);
        const parts = {
          ...onnxModel(model, 'model.onnx.data'),
          config: checkpoint.config,
          generation: checkpoint.generation,
          tokenizer,
          provenance,
        };
        const bytes = await writeOnnxFolder(path, parts, { force, progress, signal });
        print(`${path}: ${byteSize(bytes)}\n`);
        return { path, bytes };
      } finally {
        model.close();
      }
    }
    const checkpoint = openCheckpoint(source);
    try {
      const type = dtype === 'auto' ? undefined : (dtype.toUpperCase() as StoredType);
      const bytes = await convert(checkpoint, path, { to, type, force, provenance, progress, signal });
      print(`${path}: ${byteSize(bytes)}\n`);
      return { path, bytes };
    } finally {
      checkpoint.close();
    }
  },
});
