import { join } from 'node:path';
import { provenanceOf } from '../../artifact/index.ts';
import { figure, randomFrom } from '../../base/index.ts';
import { e3Defaults, e3Page, e3Prune, summaryOf } from '../../methods/e3-pruner/index.ts';
import type { Stop } from '../stop.ts';
import { writeRows } from '../train-lora.ts';
import { rowsOfSkill, tinyWorldSeed } from '../world.ts';

const skills = ['facts', 'sums', 'copying', 'translation', 'word-forms'];
const rowsOfEach = 60;

/** Two of eight layers dropped by a learned mask, beside every other pair, and healed. */
export const pruning: Stop = {
  name: 'pruning',
  title: 'It does with fewer layers',
  async visit({ model, path, scratch, seed, say, signal }) {
    const data = join(scratch, 'rows.jsonl');
    const random = randomFrom(seed);
    await writeRows(
      data,
      skills.flatMap((skill) => rowsOfSkill(tinyWorldSeed, skill, rowsOfEach, random)),
    );
    say(`searching which 2 of ${model.loaded.config.layers} layers to drop`);
    const options = {
      ...e3Defaults,
      ...{ data, packing: 'concat' as const, sequence: 128, drop: 2, searchSteps: 40, searchTokens: 256, samples: 1 },
      ...{ recoveryTokens: 6144, testTokens: 1024, allMasks: true, seed, resume: false, force: false },
    };
    const provenance = provenanceOf('tour', path, {}, seed);
    const result = await e3Prune(model.loaded, model.tokenizer, join(scratch, 'shallow'), options, provenance, signal);
    const summary = summaryOf(result, seed);
    const { rank, dropped, perplexityBefore, perplexitySearched, perplexityAfter } = summary;
    say(
      `layers ${dropped.join(' and ')} go: of all ${rank?.of} pairs, number ${rank?.rank} by perplexity on other rows`,
    );
    say(
      `perplexity ${figure(perplexityBefore)}, ${figure(perplexitySearched)} without them, ` +
        `${figure(perplexityAfter)} after ${options.recoveryTokens} tokens of recovery`,
    );
    return {
      figures: { dropped, rank, perplexityBefore, perplexitySearched, perplexityAfter },
      parts: e3Page(result, path, options).sections.flatMap(({ parts }) => parts),
    };
  },
};
