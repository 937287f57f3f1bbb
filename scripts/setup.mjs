// Brings a fresh clone to where it runs: the locked packages, then the build; each only when it is missing or old.
// Plain JavaScript of Node alone, because nothing is installed yet; everything it tells goes to stderr.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const oldestNode = [20, 19];
const source = join(root, 'src');
const built = join(root, 'dist');
const builtStamp = join(built, '.built');

/** Checks Node, installs what the lock file names and builds what changed; ends the process when one cannot be done. */
export function setUp() {
  requireNode();
  if (!isInstalled()) install();
  if (!isBuilt()) build();
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
    fail(`cria needs Node ${oldestNode.join('.')} or newer and this is ${process.version}: https://nodejs.org has it`);
  }
}

/** Whether node_modules holds every package of the lock file in its locked version. */
function isInstalled() {
  const present = packagesOf(join(root, 'node_modules', '.package-lock.json'));
  return Object.entries(packagesOf(join(root, 'package-lock.json'))).every(
    ([path, locked]) =>
      path === '' || locked.optional || locked.devOptional || present[path]?.integrity === locked.integrity,
  );
}

function packagesOf(lockFile) {
  return existsSync(lockFile) ? JSON.parse(readFileSync(lockFile, 'utf8')).packages : {};
}

function install() {
  tell('installing the packages of package-lock.json');
  // Nothing here needs an install script: onnxruntime-node's only fetches CUDA, for those who ask for it.
  const arguments_ = 'ci --ignore-scripts --include=dev --no-audit --no-fund --loglevel=error';
  const { status } = spawnSync(`npm ${arguments_}`, {
    cwd: root,
    shell: true,
    stdio: ['ignore', 2, 2],
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
  });
  if (status !== 0) fail('the packages could not be installed: npm says why above');
}

/** Whether nothing under src, and no setting of the build, is newer than the last build. */
function isBuilt() {
  if (!existsSync(builtStamp)) return false;
  const builtAt = statSync(builtStamp).mtimeMs;
  const settings = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
  const inputs = [source, ...walk(source), ...settings.map((name) => join(root, name))];
  return inputs.every((path) => statSync(path).mtimeMs < builtAt);
}

function build() {
  tell('building');
  const begun = new Date();
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) fail('the build failed: the compiler says why above');
  removeOrphans();
  writeFileSync(builtStamp, '');
  utimesSync(builtStamp, begun, begun); // what was edited during the build is newer than it
}

/** Removes the outputs of sources that are gone: the package would still export them. */
function removeOrphans() {
  for (const path of walk(built)) {
    const origin = join(source, relative(built, path)).replace(/(\.d\.ts|\.js)$/, '.ts');
    if (origin.endsWith('.ts') && !existsSync(origin)) rmSync(path);
  }
}

/** Every file and folder below a folder. */
function walk(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? [path, ...walk(path)] : [path];
  });
}

function tell(sentence) {
  process.stderr.write(`cria: ${sentence}\n`);
}

function fail(sentence) {
  tell(sentence);
  process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) setUp();
