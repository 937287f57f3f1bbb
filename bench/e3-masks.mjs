/**
 * Masks of cria-tiny beside each other: E3-Pruner's search with three seeds, its rank among all masks, baselines, and the
 * same masks after three kinds of recovery. Prints two Markdown tables; see docs/benchmarks-pruning.md.
 *
 *   node e3-masks.mjs FOLDER [--seeds 3]
 *
 * FOLDER keeps every run: begun again, those that it has are not repeated.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seeds: { type: 'string', default: '3' } },
});
const [folder] = positionals;
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
mkdirSync(folder, { recursive: true });

/** What a command prints as JSON. */
function cria(...argv) {
  const { stdout, status } = spawnSync(process.execPath, [main, ...argv], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) process.exit(status ?? 1);
  return stdout;
}

const world = join(folder, 'world');
if (!existsSync(world)) cria('world', world, '--rows', '12000', '--quiet');
const task = join(folder, 'long.jsonl'); // every third question of copying and of two-step sums
const questions = ['copying', 'two-step-sums'].flatMap((name) =>
  readFileSync(join(world, 'tasks', `${name}.jsonl`), 'utf8')
    .trim()
    .split('\n'),
);
writeFileSync(task, `${questions.filter((_, i) => i % 3 === 2).join('\n')}\n`);

/** One run, or what it printed before. */
function run(name, ...how) {
  const file = join(folder, `${name}.json`);
  if (!existsSync(file)) {
    const data = ['--data', join(world, 'train.jsonl'), '--packing', 'concat', '--sequence', '256'];
    const test = ['--test', join(world, 'valid.jsonl'), '--test-tokens', '6144'];
    const recovery = ['--recovery', 'lora', '--recovery-tokens', '20480'];
    const out = join(folder, name);
    const resume = existsSync(`${out}.e3`) ? ['--resume'] : [];
    const argv = [...data, ...test, ...recovery, ...how, ...resume, '--json', '--quiet', '--threads', '1'];
    writeFileSync(`${file}.partial`, cria('e3-prune', 'cria-tiny', out, ...argv));
    renameSync(`${file}.partial`, file);
  }
  return JSON.parse(readFileSync(file, 'utf8'));
}

const seeds = Array.from({ length: Number(values.seeds) }, (_, seed) => seed);
const runs = seeds.map((seed) => {
  const own = ['--seed', String(seed)];
  const search = ['--drop', '2', '--search-steps', '100', '--search-tokens', '512', '--samples', '2'];
  const others = ['--all-masks', '--task', task, '--baselines', 'reverse,shortgpt,sleb'];
  const weighted = run(`tiny-${seed}-ekd`, ...own, ...search, ...others, '--beta', '1');
  const same = [...own, '--kept', weighted.kept.join(), '--baselines', 'shortgpt,sleb'];
  const plain = run(`tiny-${seed}-kd`, ...same, '--beta', '0');
  const entropy = run(`tiny-${seed}-ce`, ...same, '--recovery-loss', 'ce');
  return { seed, weighted, plain, entropy };
});

const percent = ({ accuracy, low, high }) =>
  `${[accuracy, low, high].map((x) => (100 * x).toFixed(1)).join(' (')})`.replace(/ \((?=[^(]*$)/, ' to ');
console.log('| seed | dropped | rank | whole model | without them | after recovery | long answers before | after |');
console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
for (const { seed, weighted: w } of runs) {
  const figures = [w.perplexityBefore, w.perplexitySearched, w.perplexityAfter].map((x) => x.toFixed(3));
  const cells = [
    seed,
    w.dropped.join(', '),
    `${w.rank.rank} of ${w.rank.of}`,
    ...figures,
    percent(w.task.before),
    percent(w.task.after),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
console.log(
  '\n| mask, by seed | without them | entropy-weighted | plain | cross entropy |\n| --- | --- | --- | --- | --- |',
);
for (const name of ['e3', 'sleb', 'shortgpt', 'reverse']) {
  for (const { seed, ...kinds } of runs) {
    const of = (result) =>
      name === 'e3'
        ? { kept: result.kept, perplexityAfter: { value: result.perplexityAfter } }
        : result.baselines[name];
    const searched = name === 'e3' ? kinds.weighted.perplexitySearched : of(kinds.weighted).perplexitySearched.value;
    const after = ['weighted', 'plain', 'entropy'].map(
      (kind) => of(kinds[kind])?.perplexityAfter.value.toFixed(3) ?? '',
    );
    const dropped = [0, 1, 2, 3, 4, 5, 6, 7].filter((layer) => !of(kinds.weighted).kept.includes(layer));
    console.log(`| ${name}, ${seed}: ${dropped.join(', ')} | ${searched.toFixed(3)} | ${after.join(' | ')} |`);
  }
}
