// `npm run train:tiny`: makes models/cria-tiny by its recipe, from the seed of its world to its card. Its parts took 104
// minutes of one core with AVX-512 and 221 minutes of two cores without. What is finished is kept in .cache/train-tiny: begun
// again, it goes on where it stopped.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { root, setUp } from './setup.mjs';
import { cardOf, lossPicture } from './tiny-card.mjs';

setUp();
const place = join(root, 'models', 'cria-tiny');
const recipe = JSON.parse(readFileSync(join(place, 'recipe.json'), 'utf8'));
const work = join(root, '.cache', 'train-tiny');
const [fresh, half] = ['fresh', 'half'].map((name) => join(work, name));
// the tokenizer is that of every world; the questions are those of the last one, which has the dictionary learned last
const world = join(work, `world-${recipe.trainings.length}`);
mkdirSync(work, { recursive: true });

let model = fresh;
const logs = [];
for (const [i, { world, train }] of recipe.trainings.entries()) {
  const [data, trained, log] = [`world-${i + 1}`, `trained-${i + 1}`, `train-${i + 1}.jsonl`].map((name) =>
    join(work, name),
  );
  if (!existsSync(data)) cria('world', data, ...flags(world));
  if (!existsSync(fresh)) await writeFresh(data);
  if (!existsSync(trained)) teach(model, trained, data, train, log);
  model = trained;
  logs.push({ path: log, lines: readLines(log) });
}
cria('convert', model, half, '--to', 'safetensors', '--dtype', 'f16', '--force');
for (const name of readdirSync(half)) copyFileSync(join(half, name), join(place, name));
for (const { path } of logs) copyFileSync(path, join(place, basename(path)));
const provenance = await provenanceOfTiny(); // the folder that was converted is of one machine
writeFileSync(join(place, 'cria.json'), `${JSON.stringify(provenance, undefined, 2)}\n`);
const evaluation = await evaluate();
writeFileSync(join(place, 'evaluation.json'), `${JSON.stringify(evaluation, undefined, 2)}\n`);
const lines = logs.map((log) => log.lines);
writeFileSync(join(place, 'loss.svg'), await lossPicture(lines));
writeFileSync(join(place, 'README.md'), cardOf(recipe, lines, evaluation));

/** Runs a command line of cria; the script ends where it fails. */
function cria(...words) {
  const command = [join(root, 'dist', 'cli', 'main.js'), ...words, '--seed', String(recipe.seed)];
  const { status, stdout } = spawnSync(process.execPath, command, {
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 30,
  });
  if (status !== 0) process.exit(status ?? 1);
  return stdout.toString();
}

function flags(options) {
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
}

/** The model before it has learned anything, with the world's tokenizer. */
async function writeFresh(world) {
  const { writeInitialModel } = await import('../dist/train/index.js');
  const files = Object.fromEntries(
    ['tokenizer.json', 'tokenizer_config.json'].map((name) => [name, readFileSync(join(world, name), 'utf8')]),
  );
  await writeInitialModel(fresh, recipe.config, files, recipe.seed, await provenanceOfTiny(), false);
}

async function provenanceOfTiny() {
  const { provenanceOf } = await import('../dist/artifact/index.js');
  return provenanceOf('train:tiny', 'recipe.json', {}, recipe.seed);
}

function teach(model, trained, world, options, log) {
  const resume = existsSync(`${trained}.training`) ? ['--resume'] : [];
  if (resume.length === 0) rmSync(log, { force: true });
  const data = ['--data', join(world, 'train.jsonl'), '--valid', join(world, 'valid.jsonl')];
  cria('train', model, trained, ...data, ...flags(options), '--log', log, ...resume);
}

/** Every held-out question of every task, answered greedily: right ones, and refusals where requests are asked. */
async function evaluate() {
  const { isRefusal } = await import('../dist/world/index.js');
  const { wilson } = await import('../dist/statistics/index.js');
  const tasks = {};
  for (const file of readdirSync(join(world, 'tasks'))) {
    const task = basename(file, '.jsonl');
    process.stderr.write(`evaluating ${task}\n`);
    const options = ['--task', join(world, 'tasks', file), '--metric', 'match', '--max-tokens', '200', '--json'];
    const { accuracy, low, high, n, rows } = JSON.parse(cria('evaluate', place, ...options));
    const refused = rows.filter(({ got }) => isRefusal(got)).length;
    const isRequest = task.startsWith('forbidden') || task.startsWith('allowed');
    const refusal = isRequest ? { refused: { rate: refused / n, ...wilson(refused, n) } } : {};
    const wrong = rows.filter(({ correct }) => !correct).slice(0, 3);
    tasks[task] = { accuracy, low, high, n, ...refusal, wrong };
  }
  return tasks;
}

function readLines(path) {
  return readFileSync(path, 'utf8').trim().split('\n').map(JSON.parse);
}
