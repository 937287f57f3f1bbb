// `npm run train:tiny`: makes models/cria-tiny again, from the seed of its world to its card; about two hours on two
// cores. What is finished is kept in .cache/train-tiny: begun again, it goes on where it stopped.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, setUp } from './setup.mjs';

setUp();
const place = join(root, 'models', 'cria-tiny');
const recipe = JSON.parse(readFileSync(join(place, 'recipe.json'), 'utf8'));
const work = join(root, '.cache', 'train-tiny');
const [world, fresh, trained] = ['world', 'fresh', 'trained'].map((name) => join(work, name));
const log = join(work, 'train.jsonl');
mkdirSync(work, { recursive: true });

if (!existsSync(world)) cria('world', world, ...flags(recipe.world));
if (!existsSync(fresh)) await writeFresh();
if (!existsSync(trained)) {
  const resume = existsSync(`${trained}.training`) ? ['--resume'] : [];
  if (resume.length === 0) rmSync(log, { force: true });
  const data = ['--data', join(world, 'train.jsonl'), '--valid', join(world, 'valid.jsonl')];
  cria('train', fresh, trained, ...data, ...flags(recipe.train), '--log', log, ...resume);
}

/** Runs a command line of cria; the script ends where it fails. */
function cria(...words) {
  const command = [join(root, 'dist', 'cli', 'main.js'), ...words, '--seed', String(recipe.seed)];
  const { status } = spawnSync(process.execPath, command, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) process.exit(status ?? 1);
}

function flags(options) {
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
}

async function writeFresh() {
  const { writeFreshModel } = await import('../dist/train/index.js');
  const { originOf } = await import('../dist/artifact/index.js');
  const files = Object.fromEntries(
    ['tokenizer.json', 'tokenizer_config.json'].map((name) => [name, readFileSync(join(world, name), 'utf8')]),
  );
  const origin = originOf('train:tiny', 'recipe.json', {}, recipe.seed);
  await writeFreshModel(fresh, recipe.config, files, recipe.seed, origin, false);
}
