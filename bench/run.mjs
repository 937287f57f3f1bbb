/** Measures cria beside its peers, prints the page and writes it: see "How to run it" in docs/benchmarks.md. */
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { machine } from './machine.mjs';
import { tell } from './measure.mjs';
import { howToRun, pageOf, sectionOf } from './page.mjs';
import { page } from './places.mjs';
import { cholesky } from './sections/cholesky.mjs';
import { eva } from './sections/eva.mjs';
import { firstToken } from './sections/first-token.mjs';
import { generation } from './sections/generation.mjs';
import { goldens } from './sections/goldens.mjs';
import { memoryLimit } from './sections/memory-limit.mjs';
import { opening } from './sections/opening.mjs';
import { pruning } from './sections/pruning.mjs';
import { serving } from './sections/serving.mjs';
import { sevenB } from './sections/seven-b.mjs';
import { steadyMemory } from './sections/steady-memory.mjs';
import { training } from './sections/training.mjs';

const sections = {
  goldens,
  generation,
  'memory-limit': memoryLimit,
  'first-token': firstToken,
  opening,
  'seven-b': sevenB,
  'steady-memory': steadyMemory,
  cholesky,
  eva,
  pruning,
  training,
  serving,
};

const values = asked();
const options = {
  peers: { llama: values['peers-llama'], python: values['peers-python'] },
  sevenB: values['seven-b'],
  files: values.files?.split(',') ?? [],
  threads: Number(values.threads),
  quick: values.quick,
};
const names = values.only?.split(',') ?? Object.keys(sections);
const unknown = names.find((name) => !(name in sections));
if (unknown !== undefined) {
  tell(`there is no section ${unknown}: give some of ${Object.keys(sections).join(', ')}`);
  process.exit(2);
}
process.once('SIGINT', () => process.exit(130)); // so that sections clean up
process.once('SIGTERM', () => process.exit(143));

const busy = 0.5; // a load average above it is somebody else's work
const remarks = [
  values.quick && 'It was a short run (`--quick`): the figures are rough.',
  values.only && `It was a partial run: ${names.join(', ')}.`,
  loadavg()[0] > busy && 'The machine was busy with other work when the run began: times and ratios are not reliable.',
].filter(Boolean);
for (const remark of remarks) tell(remark);
const about = machine(options.threads);
const results = [];
for (const name of names) {
  tell(name);
  const result = await measured(name);
  process.stdout.write(`${sectionOf(result).join('\n\n')}\n\n`);
  results.push(result);
}
const out = values.out ?? (values.only || values.quick ? undefined : page);
if (out) writeFileSync(out, pageOf(about, results, remarks, Object.keys(sections)));
tell(out ? `wrote ${out}` : 'wrote no page: this was not a whole run');

/** What was asked for; a wrong option, or --help, ends the program. */
function asked() {
  try {
    const { values } = parseArgs({
      options: {
        'peers-llama': { type: 'string' },
        'peers-python': { type: 'string' },
        'seven-b': { type: 'string' },
        files: { type: 'string' },
        threads: { type: 'string', default: '2' },
        only: { type: 'string' },
        quick: { type: 'boolean', default: false },
        out: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    if (!values.help) return values;
    process.stdout.write(`${howToRun(Object.keys(sections))}\n`);
    process.exit(0);
  } catch (error) {
    tell(`${error.message}; --help lists the options`);
    process.exit(2);
  }
}

/** A section's result; one that fails says so and lets the others run. */
async function measured(name) {
  try {
    return await sections[name](options);
  } catch (error) {
    tell(`${name} failed: ${error.stack}\n${error.stderr ?? ''}`);
    process.exitCode = 1;
    return { title: name, how: ['This section failed in this run.'], figures: [] };
  }
}
