import { resolve } from 'node:path';
import { argument, defineVerb, forceOption } from '../options/index.ts';
import { refuseOutput } from './shared/output.ts';

export const verb = defineVerb({
  arguments: {
    bundle: argument('a folder of cria mosp, or its bundle.safetensors'),
    out: argument('the page to write, .html'),
  },
  options: { force: forceOption },
  examples: ['mosp front front front.html'],
  async run({ args, options, print }) {
    const { frontPage, readFront } = await import('../methods/mosp/index.ts');
    const { writePage } = await import('../report/index.ts');
    const { pareto, lines } = readFront(args.bundle);
    refuseOutput(args.out, options.force, [args.bundle]);
    await writePage(args.out, frontPage(pareto, lines));
    print(`${resolve(args.out)}\n`);
    return { points: pareto.points.length, path: args.out };
  },
});
