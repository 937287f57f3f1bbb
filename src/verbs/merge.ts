import { byteSize, refuseExisting } from '../base/index.ts';
import { argument, defineVerb, flag, forceOption, modelArgument, modelPath } from '../options/index.ts';
import { refuseAround } from './shared/replace.ts';

export const verb = defineVerb({
  arguments: {
    model: modelArgument,
    adapter: argument('a PEFT folder with LoRA'),
    out: argument('the folder to write'),
  },
  options: {
    densify: flag('fill the zeros of a pruned model'),
    force: forceOption,
  },
  examples: ['merge org/name adapter merged'],
  async run({ args, options, progress, signal, print }) {
    const { force, seed, densify } = options;
    const { out: path } = args;
    const { inputHashes, mergeAdapter, provenanceOf } = await import('../artifact/index.ts');
    const { readAdapter } = await import('../checkpoint/index.ts');
    const { loadModel } = await import('../model/index.ts');

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
      const provenance = provenanceOf('merge', args.model, { adapter: args.adapter, densify }, seed, inputs);
      const bytes = await mergeAdapter(model.checkpoint, adapter, path, {
        densify,
        force,
        provenance,
        progress,
        signal,
      });
      print(`${path}: ${byteSize(bytes)}\n`);
      return { path, bytes };
    } finally {
      model.close();
    }
  },
});
