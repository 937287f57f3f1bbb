import { byteSize, CriaError } from '../base/index.ts';
import type { LoadedModel } from '../model/index.ts';
import { argument, choice, defineVerb, forceOption, modelPath, text } from '../options/index.ts';
import { refuseGgufName, refuseOutput } from './shared/output.ts';
import { provenanceFor, withModel } from './shared/with-model.ts';

export const verb = defineVerb({
  arguments: {
    adapter: argument('a PEFT folder with LoRA'),
    out: argument('the folder or the .gguf file to write'),
  },
  options: {
    to: choice(['padded', 'gguf'], 'a PEFT folder with one rank and scale, or a GGUF file for llama.cpp', 'padded'),
    model: text('the base model; required for gguf, and padded then adapts every block', { placeholder: 'model' }),
    force: forceOption,
  },
  examples: ['adapter export adapter even', 'adapter export adapter adapter.gguf --to gguf --model model.gguf'],
  async run({ args, options, progress, signal, print }) {
    const { to, model, force, seed } = options;
    const { adapter: from, out: path } = args;
    const { padded, writeAdapterFolder, writeGgufAdapter } = await import('../artifact/index.ts');
    const { isPlain, readAdapter } = await import('../checkpoint/index.ts');
    const { modulesOf } = await import('../model/index.ts');

    const adapter = readAdapter(from);
    if (adapter.kind !== 'lora') {
      const remedy = 'pass it to cria with --adapter';
      throw new CriaError(`is a ${adapter.kind} adapter: only LoRA can be exported`, { where: from, remedy });
    }
    if (!isPlain(adapter)) {
      const remedy = 'merge it with cria merge';
      throw new CriaError('DoRA, saved modules and biases cannot be exported as LoRA', { where: from, remedy });
    }
    if (to === 'gguf' && model === undefined) {
      throw new CriaError('requires --model, which determines the row order', {
        where: '--to gguf',
        remedy: 'pass --model MODEL',
      });
    }
    if (to === 'padded') refuseGgufName(path, '--to gguf --model MODEL');
    const source = model === undefined ? undefined : modelPath(model);
    refuseOutput(path, force, [from, source]);
    const write = async (loaded?: LoadedModel) => {
      const read = { models: [model], files: [from], seed, progress, signal };
      const bytes =
        to === 'gguf' && loaded
          ? await writeGgufAdapter(path, adapter, loaded.checkpoint, force)
          : await writeAdapterFolder(
              path,
              padded(adapter, loaded ? shapesIn(modulesOf(loaded.config)) : new Map()),
              await provenanceFor('adapter export', from, { to, model }, read),
              force,
            );
      print(`${path}: ${byteSize(bytes)}\n`);
      return { path, bytes };
    };
    if (model === undefined) return write();
    return withModel({ model, adapter: [from] }, (opened) => write(opened.model));
  },
});

type Shape = readonly [number, number];

const shapesIn = (maps: ReadonlyMap<string, { readonly shape: Shape }>): Map<string, Shape> =>
  new Map([...maps].map(([path, { shape }]) => [path, shape]));
