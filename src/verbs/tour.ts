import { defineVerb, modelPath, text } from '../options/index.ts';

export const verb = defineVerb({
  arguments: {},
  options: {
    model: text('the model to show', { default: 'cria-tiny', placeholder: 'model' }),
    report: text('the HTML page to write', { default: 'cria-tour.html', placeholder: 'file' }),
  },
  examples: ['tour', 'tour --report tour.html --seed 3'],
  async run({ options, progress, signal, print }) {
    const { seed, threads, report } = options;
    const { nextCommands, tour } = await import('../tour/index.ts');
    const say = (line: string) => print(`${line}\n`);
    const result = await tour(modelPath(options.model), { seed, threads, report, progress, signal, say });
    say('\nWhere to go next\n');
    for (const [command, what] of nextCommands) say(`   ${command.padEnd(50)} ${what}`);
    say(`\nThe tour as one page: ${result.report}`);
    return result;
  },
});
