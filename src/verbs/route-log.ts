import { CriaError, withRunState } from '../base/index.ts';
import { argument, defineVerb, flag, forceOption, integer, resumeOption, text } from '../options/index.ts';
import { refuseOutput } from './shared/output.ts';
import { provenanceFor } from './shared/with-model.ts';

export const verb = defineVerb({
  arguments: { out: argument('the folder to write') },
  options: {
    models: text('the base and the guide: YAML, see docs/route.md', { placeholder: 'file' }),
    questions: text('labelled questions: rows {qid, question, gold, choices}, or a task of cria evaluate', {
      placeholder: 'file',
    }),
    rounds: integer('rounds of every question: the horizon', { default: 2, min: 1, max: 16 }),
    limit: integer('the most questions to log (default: all)', { min: 1 }),
    dryRun: flag('print how many questions and calls there would be, and ask nothing'),
    resume: resumeOption,
    force: forceOption,
  },
  examples: ['route log log --models models.yaml --questions questions.jsonl --rounds 4'],
  async run({ args, options, progress, signal, print }) {
    const { models: file, questions: task, rounds: horizon, limit, seed, threads, resume, force, dryRun } = options;
    if (file === undefined) throw new CriaError('there are no models', { remedy: 'pass --models models.yaml' });
    if (task === undefined)
      throw new CriaError('there are no questions', { remedy: 'pass --questions questions.jsonl' });
    refuseOutput(args.out, force, [file, task]);
    const { logPlace, logQuestions, openAgents, questionsToLog, writeLog } = await import('../router/index.ts');
    const { asked, examples } = await questionsToLog(task, file, { horizon, limit, seed });
    if (dryRun) {
      const calls = asked.length * horizon * 2;
      print(`${args.out}: ${asked.length} questions, ${calls} calls, half of them of the guide\n`);
      return { path: args.out, questions: asked.length, calls };
    }
    const read = { models: [], files: [file, task], seed, progress, signal };
    const provenance = await provenanceFor('route log', file, { questions: task, horizon, limit }, read);
    const { inputs } = provenance;
    const agents = await openAgents(file, { examples, seed, threads, progress });
    try {
      const settings = { models: inputs[file], questions: inputs[task], horizon, limit, seed };
      const rows = await withRunState(logPlace(args.out), settings, { resume, force, signal }, async (state) => {
        const run = { horizon, promptHash: agents.promptHash };
        const rows = await logQuestions(state, asked, agents, run, { progress, signal });
        await writeLog(args.out, rows, { provenance, force });
        return rows;
      });
      const truncated = rows.filter((row) => row.truncated === true).length;
      const solvable = rows.filter((row) => row.solvable === true).length;
      print(`${args.out}: ${rows.length} questions, ${solvable} solvable, ${truncated} cut short\n`);
      return { path: args.out, questions: rows.length, solvable, truncated };
    } finally {
      await agents.close();
    }
  },
});
