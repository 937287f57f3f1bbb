import { refuseExisting } from '../../base/index.ts';
import { byteSize } from '../format.ts';
import { modelPath } from '../model-path.ts';
import { argument } from '../options.ts';
import { refuseAround } from '../replace.ts';
import { forceOption, modelArgument } from '../shared-options.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  arguments: {
    model: modelArgument,
    adapter: argument('a PEFT folder with LoRA'),
    out: argument('the folder to write'),
  },
  options: { force: forceOption },
  examples: ['merge org/name adapter merged'],
  async run({ args, options, progress, signal, print }) {
    const { force, seed } = options;
    const { out: path } = args;
    const { inputHashes, mergeAdapter, originOf } = await import('../../artifact/index.ts');
    const { readAdapter } = await import('../../checkpoint/index.ts');
    const { loadModel } = await import('../../model/index.ts');

    const source = modelPath(args.model);
    if (force) for (const read of [source, args.adapter]) refuseAround(path, read);
    refuseExisting(path, force);
    const adapter = readAdapter(args.adapter);
    const model = loadModel(source, { adapters: [args.adapter], progress }); // which checks that they belong together
    try {
      const inputs = await inputHashes(
        { models: { [args.model]: source }, files: [args.adapter] },
        { progress, signal },
      );
      const origin = originOf('merge', args.model, { adapter: args.adapter }, seed, inputs);
      const bytes = await mergeAdapter(model.checkpoint, adapter, path, { force, origin, progress, signal });
      print(`${path}: ${byteSize(bytes)}\n`);
      return { path, bytes };
    } finally {
      model.close();
    }
  },
});
