import { argument, defineVerb, number } from '../options/index.ts';

export const verb = defineVerb({
  arguments: { decisions: argument('decisions.jsonl of cria route serve, with labels on its audited rows') },
  options: { alpha: number('share of the questions that may be missed', { default: 0.1 }) },
  examples: ['route audit decisions.jsonl --alpha 0.1'],
  async run({ args, options, print }) {
    const { auditDecisions } = await import('../methods/ccpo/index.ts');
    const audit = await auditDecisions(args.decisions, options.alpha);
    const { audited, rows, missRate, drift } = audit;
    const percent = (value: number) => `${(100 * value).toFixed(1)}%`;
    const told =
      missRate && `${percent(missRate.value)} missed (${percent(missRate.low)} to ${percent(missRate.high)})`;
    print(`${audited} of ${rows} rows audited${told ? `: ${told}` : ''}; `);
    print(
      drift.alarm
        ? `ALARM at row ${drift.at}: misses exceed ${percent(options.alpha)}, calibrate again\n`
        : 'no drift\n',
    );
    return audit;
  },
});
