import { byteSize, CriaError } from '../base/index.ts';
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
import { refuseGgufName, refuseOutput } from './shared/output.ts';
import { provenanceFor, withModel } from './shared/with-model.ts';

const types = ['auto', 'f32', 'f16', 'bf16', 'q4_0', 'q4_1', 'q8_0', 'q4_k', 'q6_k'] as const;

export const verb = defineVerb({
  arguments: { model: modelArgument, out: argument('the folder or the .gguf file to write') },
  options: {
    to: choice(['safetensors', 'gguf', 'onnx'], 'output format', 'safetensors'),
    dtype: choice(types, 'data type of the weights (auto: that of the source)', 'auto'),
    adapter: adapterOption,
    force: forceOption,
  },
  examples: ['convert model.gguf model --dtype f16', 'convert org/name model.gguf --to gguf --dtype q8_0'],
  async run({ args, options, progress, signal, print }) {
    const { to, dtype, force, seed, adapter } = options;
    const { out: path } = args;
    const { convert, writeOnnxFolder } = await import('../artifact/index.ts');
    const { openCheckpoint } = await import('../checkpoint/index.ts');

    if (adapter.length > 0) {
      const remedy = 'merge it first with cria merge';
      throw new CriaError('cannot convert a model with an adapter', { where: '--adapter', remedy });
    }
    if (to !== 'gguf') refuseGgufName(path, '--to gguf');
    const source = modelPath(args.model);
    if (to === 'onnx' && dtype !== 'auto' && dtype !== 'f32') {
      throw new CriaError(`ONNX output must be f32 (got ${dtype})`, { where: '--dtype', remedy: 'leave it out' });
    }
    refuseOutput(path, force, [source]);
    const provenance = await provenanceFor('convert', args.model, { to, dtype }, { seed, progress, signal });
    if (to === 'onnx') {
      const { onnxModel } = await import('../model/index.ts');
      return withModel({ model: args.model, progress }, async ({ model, tokenizer }) => {
        const { config, generation } = model.checkpoint;
        const parts = { ...onnxModel(model, 'model.onnx.data'), config, generation, tokenizer, provenance };
        const bytes = await writeOnnxFolder(path, parts, { force, progress, signal });
        print(`${path}: ${byteSize(bytes)}\n`);
        return { path, bytes };
      });
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
