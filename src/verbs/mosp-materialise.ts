import { resolve } from 'node:path';
import { CriaError } from '../base/index.ts';
import { argument, defineVerb, forceOption, modelPath, text } from '../options/index.ts';
import { refuseOutput } from './shared/output.ts';

export const verb = defineVerb({
  arguments: {
    bundle: argument('a folder of cria mosp, or its bundle.safetensors'),
    out: argument('the folder to write'),
  },
  options: {
    weights: text('weight of each objective; the weights sum to 1', { placeholder: 'name=x,name=y' }),
    base: text('path of the base model, if it has moved', { placeholder: 'model' }),
    force: forceOption,
  },
  examples: ['mosp materialise front model --weights text=0.8,maths=0.2'],
  async run({ args, options, progress, signal, print }) {
    const { weights, force, seed } = options;
    if (weights === undefined) {
      throw new CriaError('--weights is required', { remedy: 'pass --weights NAME=X,NAME=Y' });
    }
    const { materialise, openBundle } = await import('../methods/mosp/index.ts');
    refuseOutput(args.out, force, [args.bundle]);
    const bundle = openBundle(args.bundle);
    try {
      const base = options.base === undefined ? bundle.base.path : modelPath(options.base);
      const preference = await materialise(bundle, args.out, { weights, base, force, seed }, { progress, signal });
      print(`${resolve(args.out)}: ${bundle.targets.length} pruned matrices of ${bundle.base.id}\n`);
      const given = Object.fromEntries(bundle.objectives.map((name, i) => [name, preference[i]]));
      return { weights: given, path: args.out };
    } finally {
      bundle.close();
    }
  },
});
