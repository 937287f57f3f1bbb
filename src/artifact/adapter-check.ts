import { describeAdapter, type LoraDescription, loraScale } from '../checkpoint/index.ts';

/** What programs make of an adapter folder. */
export type AdapterCheck = LoraCheck | VirtualTokensCheck;

export interface LoraCheck {
  readonly kind: 'lora';
  readonly base: string;
  /** `r` and `lora_alpha` of the configuration. */
  readonly rank: number;
  readonly alpha: number;
  readonly rslora: boolean;
  readonly parameters: number;
  readonly ranks: { readonly least: number; readonly most: number };
  /** How many modules have their rank and their alpha from a pattern. */
  readonly patterned: { readonly ranks: number; readonly alphas: number };
  readonly consumers: readonly Consumer[];
  /** Whether all consumers multiply every product by the same. */
  readonly agree: boolean;
  /** What vLLM's --max-lora-rank has to be; null where it takes no such rank. */
  readonly maxLoraRank: number | null;
  /** What the adapter has that servers do not apply. */
  readonly unserved: readonly string[];
  readonly modules: readonly CheckedModule[];
}

export interface VirtualTokensCheck {
  readonly kind: 'prompt' | 'prefix';
  readonly base: string;
  readonly tokens: number;
  readonly unserved: readonly string[];
}

export interface CheckedModule {
  readonly path: string;
  readonly rank: number;
  readonly alpha: number;
  /** By consumer. */
  readonly scales: Readonly<Record<ConsumerName, number>>;
}

export type ConsumerName = 'PEFT' | 'vLLM' | 'llama.cpp';

/** By what a program multiplies the products B A of an adapter. */
export interface Consumer {
  readonly name: ConsumerName;
  readonly rule: string;
  readonly least: number;
  readonly most: number;
  /** Modules whose scale is another than PEFT's, and the one where it is furthest from it. */
  readonly different: number;
  readonly worst: { readonly path: string; readonly scale: number; readonly wanted: number } | null;
}

/**
 * Which scale PEFT, vLLM and llama.cpp apply to an adapter folder, and what a server needs to be told.
 * @throws CriaError when the folder is no adapter, or its parts disagree.
 */
export function checkAdapterFolder(path: string): AdapterCheck {
  const adapter = describeAdapter(path);
  if (adapter.kind === 'lora') return checkLora(adapter);
  const { kind, base, tokens } = adapter;
  return { kind, base, tokens, unserved: [`${tokens} virtual tokens`] };
}

interface Rule {
  readonly name: ConsumerName;
  rule(lora: LoraDescription): string;
  scale(lora: LoraDescription, module: { readonly rank: number; readonly alpha: number }): number;
}

const root = ({ rslora }: LoraDescription, rank: string) => (rslora ? `√${rank}` : rank);

/**
 * PEFT: LoraLayer.scaling. vLLM: PEFTHelper.vllm_lora_scaling_factor, of the configuration alone. llama.cpp:
 * llama_adapter_lora_weight::get_scale, of the one alpha that its converter takes from lora_alpha, never a root.
 */
const rules: readonly Rule[] = [
  {
    name: 'PEFT',
    rule: (lora) => `alpha / ${root(lora, 'rank')} of the module`,
    scale: ({ rslora }, { rank, alpha }) => loraScale(alpha, rank, rslora),
  },
  {
    name: 'vLLM',
    rule: (lora) => `lora_alpha / ${root(lora, 'r')}`,
    scale: ({ rslora, rank, alpha }) => loraScale(alpha, rank, rslora),
  },
  {
    name: 'llama.cpp',
    rule: () => 'lora_alpha / rank of the module',
    scale: ({ alpha }, { rank }) => loraScale(alpha, rank, false),
  },
];

function checkLora(lora: LoraDescription): LoraCheck {
  const given = [...lora.modules];
  const modules = given.map(([path, { rank, alpha }]): CheckedModule => {
    const scales = Object.fromEntries(rules.map(({ name, scale }) => [name, scale(lora, { rank, alpha })]));
    return { path, rank, alpha, scales: scales as CheckedModule['scales'] };
  });
  const ranks = modules.map(({ rank }) => rank);
  const most = Math.max(...ranks);
  const consumers = rules.map(({ name, rule }) => consumerOf(name, rule(lora), modules));
  return {
    kind: 'lora',
    base: lora.base,
    rank: lora.rank,
    alpha: lora.alpha,
    rslora: lora.rslora,
    parameters: given.reduce((sum, [, { rank, inner, out }]) => sum + rank * (inner + out), 0),
    ranks: { least: Math.min(...ranks), most },
    patterned: {
      ranks: given.filter(([, { patterned }]) => patterned.rank).length,
      alphas: given.filter(([, { patterned }]) => patterned.alpha).length,
    },
    consumers,
    agree: consumers.every(({ different }) => different === 0),
    maxLoraRank: maxLoraRanks.find((each) => each >= Math.max(lora.rank, most)) ?? null,
    unserved: [...lora.variants, ...lora.others],
    modules,
  };
}

/** The values that vLLM takes (vllm/config/lora.py, MaxLoRARanks); it compares the r of the configuration. */
const maxLoraRanks = [8, 16, 32, 64, 128, 256, 320, 512];
const rounding = 1e-6; // relative: alphas of patterns are written as decimals

function consumerOf(name: ConsumerName, rule: string, modules: readonly CheckedModule[]): Consumer {
  const scales = modules.map((module) => module.scales[name]);
  const off = modules
    .map(({ path, scales }) => ({ path, scale: scales[name], wanted: scales.PEFT }))
    .map((each) => ({ ...each, factor: Math.abs(Math.log(each.scale / each.wanted)) }))
    .filter(({ factor }) => factor > rounding)
    .sort((a, b) => b.factor - a.factor);
  const [worst] = off.map(({ factor: _, ...told }) => told);
  const [least, most] = [Math.min(...scales), Math.max(...scales)];
  return { name, rule, least, most, different: off.length, worst: worst ?? null };
}
