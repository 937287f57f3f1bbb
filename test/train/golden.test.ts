import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type LoraAdapter, readAdapter } from '../../src/checkpoint/index.ts';
import { call } from '../command-line.ts';
import { temporaryFolder } from '../hostile.ts';
import { needs, shared } from '../shared.ts';
import { logIn } from './tiny.ts';

const model = shared('models', 'smollm2-135m-instruct.Q4_1.gguf') as string;
const data = shared('data', 'wikitext-2', 'valid.txt') as string;
const [golden, init] = [
  shared('goldens', 'lora-qv-r8.json') as string,
  shared('goldens', 'lora-qv-r8-init.safetensors') as string,
];
const { skip, reason } = needs(model && data && golden && init, 'SmolLM2 with its golden values');

// seconds on an idle machine, but the tests keep it busy
test.skipIf(skip)(
  `20 steps of LoRA on SmolLM2 are those of PEFT and PyTorch${reason}`,
  { timeout: 300_000 },
  async () => {
    const [start, out, log] = ['start', 'out', 'log.jsonl'].map((name) => join(temporaryFolder(), name)) as [
      string,
      string,
      string,
    ];
    mkdirSync(start);
    copyFileSync(init, join(start, 'adapter_model.safetensors'));
    const config = { peft_type: 'LORA', r: 8, lora_alpha: 16, target_modules: ['q_proj', 'v_proj'], bias: 'none' };
    writeFileSync(join(start, 'adapter_config.json'), JSON.stringify(config));
    const lora = ['--init', start, '--rank', '8', '--alpha', '16', '--targets', 'q_proj,v_proj'];
    const batches = ['--steps', '20', '--batch', '2', '--sequence', '64', '--packing', 'concat', '--no-shuffle'];
    const rates = ['--lr', '1e-3', '--schedule', 'constant', '--weight-decay', '0', '--clip', '1'];
    const told = await call([
      'train',
      model,
      out,
      '--data',
      data,
      ...lora,
      ...batches,
      ...rates,
      '--log',
      log,
      '--quiet',
    ]);
    expect(told).toMatchObject({ code: 0, err: '' });

    const { loss, grad_norm_before_clip: norms, final_l2 } = JSON.parse(readFileSync(golden, 'utf8'));
    const lines = logIn(log);
    expect(lines).toHaveLength(loss.length);
    for (const [i, line] of lines.entries()) {
      expect(Math.abs(line.loss / loss[i] - 1)).toBeLessThan(1e-5);
      expect(Math.abs(line.gradNorm / norms[i] - 1)).toBeLessThan(5e-4);
    }
    const { modules } = readAdapter(out) as LoraAdapter;
    for (const [name, wanted] of Object.entries(final_l2 as Record<string, number>)) {
      const [, path, factor] = /^base_model\.model\.(.*)\.lora_([AB])\.weight$/.exec(name) as unknown as string[];
      const module = modules.get(path as string);
      const numbers = (factor === 'A' ? module?.a : module?.b) as Float32Array;
      expect(Math.hypot(...numbers) / wanted, name).toBeCloseTo(1, 3);
    }
  },
);
