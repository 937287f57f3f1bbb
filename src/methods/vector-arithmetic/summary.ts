import { figure } from '../../base/index.ts';
import type { LensResult } from './result.ts';

/** A result in figures: of the candidates their number, of the lenses their heads. */
export function figuresOf({ scores, beyondChance, lenses, tasks, accuracy, ablation }: LensResult): object {
  const token = new Map(scores.token.heads.map((each) => [`${each.layer}.${each.head}`, each]));
  const ofKind = (kind: 'concept' | 'token') => {
    const { heads: _, ...measured } = scores[kind];
    return {
      ...measured,
      beyondChance: beyondChance[kind],
      top: lenses[kind].heads.map(({ layer, head }) => `${layer}.${head}`),
    };
  };
  return {
    heads: scores.concept.heads.map(({ layer, head, score, standardError }) => {
      const other = token.get(`${layer}.${head}`);
      return {
        layer,
        head_idx: head,
        concept: score,
        conceptError: standardError,
        token: other?.score,
        tokenError: other?.standardError,
      };
    }),
    accuracy,
    concept: ofKind('concept'),
    token: ofKind('token'),
    ablation,
    tasks: tasks.map((task) => ({ ...task, candidates: task.candidates.length })),
  };
}

/** A result as a person reads it. */
export function summaryOf({ scores, beyondChance, lenses, tasks, accuracy, ablation }: LensResult): string {
  const lines: string[] = [];
  for (const kind of ['concept', 'token'] as const) {
    const { clean, corrupted } = scores[kind];
    const top = lenses[kind].heads.slice(0, 8).map(({ layer, head, score, standardError: error }) => {
      return `${layer}.${head} ${figure(score)}${error === undefined ? '' : ` ± ${figure(error)}`}`;
    });
    const model = clean === undefined ? '' : ` (whole model: ${figure(corrupted ?? 0)} to ${figure(clean)})`;
    lines.push(`${kind} heads${model}: ${top.join(', ')}${lenses[kind].heads.length > 8 ? ', …' : ''}`);
    const [clear, taken] = [beyondChance[kind], lenses[kind].heads.length];
    if (clear !== undefined && clear < taken)
      lines.push(`  of these ${taken}, ${clear} score clearly beyond chance: more --prompts tell heads apart`);
  }
  const names = ['raw', 'concept', 'token', 'all'] as const;
  const widest = Math.max(4, ...tasks.map(({ name }) => name.length));
  const row = (name: string, cells: readonly string[]) =>
    `${name.padEnd(widest)}  ${cells.map((cell) => cell.padStart(10)).join('')}`;
  lines.push('', row('task', [...names, 'random', '5 shots', 'chance']));
  for (const { name, settings, random, inContext, chance } of tasks) {
    const cells = names.map((setting) => {
      const { judge, layer } = settings[setting].best;
      return `${judge.accuracy.toFixed(3)}@${layer}`;
    });
    lines.push(row(name, [...cells, ...[random.mean, inContext, chance].map((share) => share.toFixed(3))]));
  }
  const means = [...names, 'random', 'inContext'] as const;
  lines.push(
    row(
      'mean',
      means.map((name) => accuracy[name].toFixed(3)),
    ),
    '',
  );
  const left = (name: keyof typeof ablation) =>
    `${name} ${figure(ablation[name].copying)} / ${figure(ablation[name].mapping)}`;
  lines.push(
    `copying / mapping with heads held at their means: ${(['none', 'concept', 'token', 'random'] as const).map(left).join(', ')}`,
  );
  return `${lines.join('\n')}\n`;
}
