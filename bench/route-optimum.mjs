// Cost of a policy over the least cost of any policy at the realised coverage, on a simulator:
// node bench/route-optimum.mjs PRESET SEED [options of cria route train]. 25,000 questions: 15,000 to train, 5,000 each to
// calibrate and to test. The test questions are one draw, so that a ratio below 1 is chance.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { frontier, leastCost } from '../dist/router/optimum.js';
import { historiesOf, presets } from '../dist/router/presets.js';

const [preset, seed, ...training] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'route-optimum-'));
const program = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const route = (...argv) => {
  const [verb, ...rest] = argv;
  const out = execFileSync(process.execPath, [program, 'route', verb, ...rest, '--json', '--quiet'], { cwd: folder });
  return JSON.parse(out.toString());
};
try {
  route('simulate', 'log', '--preset', preset, '--questions', '25000', '--seed', seed);
  const { seconds } = route('train', 'log', 'policy', '--alpha', '0.1', '--seed', seed, ...training);
  route('calibrate', 'policy', 'log', 'certified');
  const { cost, coverage, baselines } = route('evaluate', 'certified', 'log');
  const least = leastCost(frontier(historiesOf(presets[preset])), coverage.value);
  const { cascade } = baselines;
  const figures = [cost, coverage.value, cost / least, cascade.costAtEqualCoverage / least, seconds];
  console.log([preset, seed, training.join(' '), ...figures.map((each) => each.toPrecision(4))].join(' | '));
} finally {
  rmSync(folder, { recursive: true });
}
