/**
 * RTN, GPTQ and AWQ at 4 and 3 bits beside the model that they were made of: perplexity and divergence with paired
 * intervals (windows as the sample), and, with tasks, exact answers (questions as the sample). Prints Markdown tables.
 *
 *   node bench/quantize-schemes.mjs FOLDER MODEL --text F --calibration F [--samples 32] [--sequence 512] [--tokens 8192]
 *     [--context 512] [--group 64] [--tasks A.jsonl --tasks B.jsonl …] [--limit 100] [--models rtn-4,gptq-4]
 *   node bench/quantize-schemes.mjs FOLDER cria-tiny --world   # its world, 32 x 256 calibration tokens, and its skills
 *
 * FOLDER keeps every model and figure: begun again, those that it has are not repeated. Needs `npm run build`.
 * SmolLM2: about 12 minutes of two cores with AVX-512; cria-tiny: about 15.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const option = (usual) => ({ type: 'string', ...(usual && { default: usual }) });
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ...{ text: option(), calibration: option(), world: { type: 'boolean', default: false } },
    ...{ samples: option('32'), sequence: option('512'), tokens: option('8192'), context: option('512') },
    ...{
      group: option('64'),
      tasks: { type: 'string', multiple: true, default: [] },
      limit: option('100'),
      models: option(),
    },
  },
});
const [folder, model] = positionals;
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const { bca, pairedDifference, wilson } = await import('../dist/statistics/index.js');
mkdirSync(folder, { recursive: true });

/** What a command prints as JSON, or printed before. */
function cria(name, ...argv) {
  const file = join(folder, `${name}.json`);
  if (!existsSync(file)) {
    const stdio = ['ignore', 'pipe', 'inherit'];
    const all = [main, ...argv, '--json', '--quiet'];
    const { stdout, status } = spawnSync(process.execPath, all, { stdio, encoding: 'utf8', maxBuffer: 2 ** 28 });
    if (status !== 0) process.exit(status ?? 1);
    writeFileSync(`${file}.partial`, stdout);
    renameSync(`${file}.partial`, file);
  }
  return JSON.parse(readFileSync(file, 'utf8'));
}

let { text, calibration, sequence, context, tasks } = values;
if (values.world) {
  const world = join(folder, 'world');
  cria('world', 'world', world, '--rows', '12000');
  const texts = (row) =>
    row.text ?? (row.messages?.map(({ content }) => content).join('\n') || row.prompt + row.completion);
  for (const part of ['train', 'valid']) {
    const rows = readFileSync(join(world, `${part}.jsonl`), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    writeFileSync(join(folder, `${part}.txt`), rows.map(texts).join('\n'));
  }
  [text, calibration] = ['valid.txt', 'train.txt'].map((name) => join(folder, name));
  [sequence, context] = ['256', '256'];
  const names = ['analogies', 'copying', 'sums', 'translation', 'word-forms'];
  tasks = names.map((name) => join(world, 'tasks', `${name}.jsonl`));
}

const schemes = { rtn: ['rtn'], 'rtn-asymmetric': ['rtn', '--asymmetric'], gptq: ['gptq'], awq: ['awq'] };
const wanted = values.models?.split(',');
const made = [4, 3].flatMap((bits) =>
  Object.entries(schemes).flatMap(([name, scheme]) => {
    if (wanted && !wanted.includes(`${name}-${bits}`)) return [];
    const out = join(folder, `${name}-${bits}`);
    const calibrated = ['--calibration', calibration, '--samples', values.samples, '--sequence', sequence];
    const asked = ['--bits', String(bits), '--group', values.group, '--format', 'hf'];
    const begun = existsSync(`${out}.quantize`) ? ['--resume'] : [];
    const told = cria(
      `${name}-${bits}`,
      'quantize',
      model,
      out,
      '--scheme',
      ...scheme,
      ...asked,
      ...(name.startsWith('rtn') ? [] : calibrated),
      ...begun,
    );
    return { name, bits, out, told };
  }),
);

const read = ['--text', text, '--tokens', values.tokens, '--context', context, '--speed', '0'];
const comparison = join(folder, ['comparison', ...(wanted ?? [])].join('-'));
const { reference, models } = cria(
  basename(comparison),
  'compare',
  model,
  ...made.map(({ out }) => out),
  ...read,
  '--out',
  comparison,
);
const rows = readFileSync(join(comparison, 'rows.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
const figures = ({ value, low, high }, digits = 4) =>
  `${value.toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`;

/** The paired difference of a figure per token between two models, windows as the sample. */
function less(own, other, of) {
  const [a, b] = [own, other].map((out) => rows.filter((row) => row.model === out));
  const statistic = (items) => {
    let [sum, tokens] = [0, 0];
    for (const i of items) {
      sum += of(a[i]) - of(b[i]);
      tokens += a[i].tokens;
    }
    return sum / tokens;
  };
  return figures(bca(a.length, statistic));
}

const windows = rows.filter((row) => row.model === made[0].out);
const predicted = windows.reduce((sum, { tokens }) => sum + tokens, 0);
console.log(
  `${windows.length} windows, ${predicted} predicted; perplexity before: ${reference.perplexity.toFixed(3)}\n`,
);
console.log('| | bits per weight | perplexity | less before: NLL | KL | same likeliest token | less RTN: NLL | KL |');
console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
for (const { name, bits, out, told } of made) {
  const own = models.find((each) => each.model === out);
  const base = join(folder, `${name === 'awq' ? 'rtn-asymmetric' : 'rtn'}-${bits}`);
  const isBase = name.startsWith('rtn');
  const cells = [
    `${name} ${bits}`,
    told.bitsPerWeight.toFixed(2),
    own.perplexity.toFixed(2),
    figures({ value: own.deltaNll, ...own }),
    own.kl.toFixed(4),
    `${(100 * own.sameTop).toFixed(1)}%`,
    isBase ? '' : less(out, base, ({ nll }) => nll),
    isBase ? '' : less(out, base, ({ kl }) => kl),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}

if (tasks.length > 0) {
  const answered = new Map(
    [{ name: 'before', bits: '', out: model }, ...made].map(({ name, bits, out }) => [
      `${name}-${bits}`,
      tasks.map((task) => {
        const asked = ['--task', task, '--metric', 'match', '--limit', values.limit, '--max-tokens', '120'];
        return cria(`${basename(task, '.jsonl')}-${name}-${bits}`, 'evaluate', out, ...asked, '--weights', 'f32').rows;
      }),
    ]),
  );
  const right = (list) => list.flat().map(({ correct }) => Number(correct));
  console.log(`\n| | ${tasks.map((task) => basename(task, '.jsonl')).join(' | ')} | all | less RTN |`);
  console.log(
    `| ${Array(tasks.length + 3)
      .fill('---')
      .join(' | ')} |`,
  );
  for (const [name, lists] of answered) {
    const [, scheme, bits] = /^(.*)-(\d*)$/.exec(name);
    const base = answered.get(`${scheme === 'awq' ? 'rtn-asymmetric' : 'rtn'}-${bits}`);
    const all = right(lists);
    const sum = all.reduce((a, b) => a + b, 0);
    const percent = ({ low, high }) => `${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)}`;
    const cells = lists.map(
      (list) => `${((100 * right([list]).reduce((a, b) => a + b, 0)) / list.length).toFixed(0)}%`,
    );
    const whole = `${((100 * sum) / all.length).toFixed(1)}% (${percent(wilson(sum, all.length))})`;
    const paired = base && !scheme.startsWith('rtn') ? pairedDifference(all, right(base)) : undefined;
    console.log(`| ${[`${scheme} ${bits}`, ...cells, whole, paired ? figures(paired, 3) : ''].join(' | ')} |`);
  }
  console.log(`\n${readdirSync(folder).length} files in ${folder}; every answer is in them.`);
}
