import { byteSize } from '../base/index.ts';
import { argument, defineVerb, flag, forceOption, modelArgument, modelPath } from '../options/index.ts';
import { refuseOutput } from './shared/output.ts';
import { provenanceFor, withModel } from './shared/with-model.ts';

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
    const { mergeAdapter } = await import('../artifact/index.ts');
    const { readAdapter } = await import('../checkpoint/index.ts');

    refuseOutput(path, force, [modelPath(args.model), args.adapter]);
    const adapter = readAdapter(args.adapter);
    await withModel({ model: args.model, adapter: [args.adapter] }, async () => {}); // which checks that they belong together
    return withModel({ model: args.model, progress }, async ({ model }) => {
      const read = { files: [args.adapter], seed, progress, signal };
      const provenance = await provenanceFor('merge', args.model, { adapter: args.adapter, densify }, read);
      const bytes = await mergeAdapter(model.checkpoint, adapter, path, {
        densify,
        force,
        provenance,
        progress,
        signal,
      });
      print(`${path}: ${byteSize(bytes)}\n`);
      return { path, bytes };
    });
  },
});
