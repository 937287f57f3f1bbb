import { CriaError, refuseExisting } from '../base/index.ts';
import { argument, defineVerb, flag, forceOption, integer, text } from '../options/index.ts';

export const verb = defineVerb({
  arguments: { out: argument('the folder to write') },
  options: {
    questions: integer('questions: three fifths to train, one to calibrate, one to test', {
      default: 5000,
      min: 10,
      max: 1_000_000,
    }),
    preset: text('easy-hard or noisy-judge', { default: 'easy-hard', placeholder: 'name' }),
    permute: flag('give each question the answers of another one: observations then tell nothing'),
    force: forceOption,
  },
  examples: ['route simulate simulated', 'route simulate simulated --preset noisy-judge --questions 20000 --seed 7'],
  async run({ args, options, print }) {
    const { questions, preset: name, permute, seed, force } = options;
    refuseExisting(args.out, force);
    const { provenanceOf } = await import('../artifact/index.ts');
    const { presets, writeSimulation } = await import('../router/index.ts');
    const preset = Object.hasOwn(presets, name) ? presets[name] : undefined;
    if (!preset) {
      throw new CriaError(`'${name}' is not a preset`, {
        where: '--preset',
        remedy: `use ${Object.keys(presets).join(' or ')}`,
      });
    }
    const provenance = provenanceOf('route simulate', name, { questions, preset: name, permute }, seed);
    const optimum = await writeSimulation(args.out, preset, { questions, seed, permute }, { provenance, force });
    const told = optimum
      .filter(({ alpha }) => [0.035, 0.1].includes(alpha))
      .map(({ alpha, cost }) => `${cost} at alpha ${alpha}`);
    print(`${args.out}: ${questions} questions, ${preset.summary}; least cost a question ${told.join(', ')}\n`);
    return { path: args.out, questions, optimum };
  },
});
