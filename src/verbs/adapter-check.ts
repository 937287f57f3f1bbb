import type { AdapterCheck, LoraCheck } from '../artifact/index.ts';
import { figure } from '../base/index.ts';
import { argument, defineVerb, text } from '../options/index.ts';
import { withModel } from './shared/with-model.ts';

export const verb = defineVerb({
  arguments: { adapter: argument('a PEFT folder') },
  options: { model: text('the base model to check the adapter against', { placeholder: 'model' }) },
  examples: ['adapter check adapter', 'adapter check adapter --model org/name --json'],
  async run({ args, options, print }) {
    const { checkAdapterFolder } = await import('../artifact/index.ts');
    const { model } = options;
    const check = checkAdapterFolder(args.adapter);
    if (model !== undefined) {
      await withModel({ model, adapter: [args.adapter] }, async () => {}); // which checks that they belong together
    }
    const advice = adviceFor(check, args.adapter);
    print(`${[...lines(check), ...(model === undefined ? [] : [`fits ${model}`]), '', ...advice].join('\n')}\n`);
    return { ...check, advice };
  },
});

function lines(check: AdapterCheck): string[] {
  const base = check.base === '' ? '' : ` for ${check.base}`;
  if (check.kind !== 'lora') return [`a ${check.kind} of ${check.tokens} virtual tokens${base}`];
  const { rank, alpha, rslora, parameters, ranks, patterned, modules, consumers } = check;
  const spread = ranks.least === ranks.most ? `rank ${ranks.most}` : `ranks ${ranks.least} to ${ranks.most}`;
  return [
    `LoRA of ${modules.length} modules${base}, ${parameters} parameters`,
    `${spread}; r ${rank}, lora_alpha ${figure(alpha)}${rslora ? ', rank-stabilized' : ''}`,
    `${patterned.ranks} ranks and ${patterned.alphas} alphas from patterns`,
    '',
    ...consumers.flatMap(({ name, rule, least, most, different, worst }) => {
      const scale = least === most ? figure(least) : `${figure(least)} to ${figure(most)}`;
      const line = `${name.padEnd(10)} B A times ${scale}: ${rule}`;
      if (!worst) return [line];
      const example = `${worst.path} gets ${figure(worst.scale)} instead of ${figure(worst.wanted)}`;
      return [line, `${' '.repeat(10)} not PEFT's scale in ${different} of ${modules.length} modules: ${example}`];
    }),
  ];
}

/** What to do so that every program computes the same. */
function adviceFor(check: AdapterCheck, path: string): string[] {
  const named = check.unserved.slice(0, mostNamed).join(', ');
  const rest = check.unserved.length - mostNamed;
  const unserved = `servers do not apply ${named}${rest > 0 ? ` and ${rest} more` : ''}`;
  if (check.kind !== 'lora') return [unserved];
  return check.unserved.length > 0 ? [`${unserved}: merge the adapter with PEFT`] : loraAdvice(check, path);
}

const mostNamed = 5;

function loraAdvice({ maxLoraRank, consumers }: LoraCheck, path: string): string[] {
  const differs = (name: string) => consumers.some((each) => each.name === name && each.different > 0);
  const toGguf = `cria adapter export ${path} OUT.gguf --to gguf --model MODEL`;
  return [
    maxLoraRank === null
      ? 'vLLM takes no rank above 512: fold the adapter into the weights with cria merge'
      : `vLLM: start it with --enable-lora --max-lora-rank ${maxLoraRank}`,
    ...(differs('vLLM') ? [`vLLM: serve the output of cria adapter export ${path} OUT`] : []),
    ...(differs('llama.cpp') ? [`llama.cpp: load the output of ${toGguf}`] : []),
  ];
}
