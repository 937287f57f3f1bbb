// The control of a routing log: node bench/route-permute.mjs LOG OUT.jsonl gives each question the right and wrong flags of
// another one (an order drawn by a seed) and every call its mean cost, so that observations tell nothing about either.
import { readFileSync, writeFileSync } from 'node:fs';
import { permutation, randomFrom } from '../dist/base/index.js';

const [log, out] = process.argv.slice(2);
const rows = readFileSync(log, 'utf8').trim().split('\n').map(JSON.parse);
const order = permutation(rows.length, randomFrom(1));
const meanCost = (t, who) => rows.reduce((sum, { rounds }) => sum + rounds[t][who].cost, 0) / rows.length;
const costs = rows[0].rounds.map((_, t) => ({ base: meanCost(t, 'base'), guide: meanCost(t, 'guide') }));
const permuted = rows.map((row, i) => {
  const other = rows[order[i]];
  const rounds = row.rounds.map((round, t) => ({
    ...round,
    base: { ...round.base, cost: costs[t].base },
    guide: { ...round.guide, cost: costs[t].guide },
    ok_base: other.rounds[t].ok_base,
    ok_guide: other.rounds[t].ok_guide,
  }));
  return { ...row, rounds, solvable: other.solvable };
});
writeFileSync(out, permuted.map((row) => `${JSON.stringify(row)}\n`).join(''));
