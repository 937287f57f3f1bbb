import { argument, defineVerb, text } from '../options/index.ts';

export const verb = defineVerb({
  arguments: {
    data: argument('a table with a column a question, a reference set and a system; or rows {qid, system, text}'),
  },
  options: {
    questions: text('the questions, where the data does not hold them: rows {id, question} or a table', {
      placeholder: 'file',
    }),
    references: text('answers of people, where the data does not hold them: rows {qid, text}', { placeholder: 'file' }),
  },
  examples: ['culture check consolidated_responses.csv'],
  async run({ args, options, print }) {
    const { questionLanguages, readDataset, sameQuestions, systemQuality } = await import(
      '../methods/cultural-expressiveness/index.ts'
    );
    const { questions, references } = options;
    const data = await readDataset({ responses: args.data, questions, references, unscored: true });
    const systems = systemQuality(data);
    const languages: Record<string, number> = {};
    for (const lang of questionLanguages(data).values()) {
      languages[lang ?? 'unknown'] = (languages[lang ?? 'unknown'] ?? 0) + 1;
    }
    const same = sameQuestions(data);
    const widest = Math.max(...data.systems.map(({ length }) => length));
    const lines = Object.entries(systems).map(([name, { items, filled, distinct, flags }]) => {
      const told = flags.length === 0 ? 'passes the gates' : flags.join(', ');
      return `${name.padEnd(widest)}  ${filled} of ${items} filled, ${distinct} distinct: ${told}`;
    });
    const asked = Object.entries(languages).map(([lang, count]) => `${lang} ${count}`);
    print(
      `${data.questions.length} questions (${asked.join(', ')}), ${data.references.length} references, ` +
        `${data.systems.length} systems\n${lines.join('\n')}\n` +
        (same.length === 0
          ? ''
          : `the same question in another spelling: ${same.map((ids) => ids.join(' = ')).join(', ')}\n`),
    );
    return {
      questions: data.questions.length,
      references: data.references.length,
      withoutConsent: data.withoutConsent,
      languages,
      sameQuestions: same,
      systems,
      gates: Object.fromEntries(Object.entries(systems).map(([name, { flags }]) => [name, flags])),
    };
  },
});
