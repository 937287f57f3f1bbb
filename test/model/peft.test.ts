import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { type Adapter, readAdapter, writeAdapter } from '../../src/checkpoint/index.ts';
import { temporaryFolder } from '../hostile.ts';
import { adapterNames, adapterPath, distance, goldenPath, readAdapterGolden } from './goldens.ts';

const python = process.env.CRIA_PYTHON; // a Python with peft, torch and transformers
const reason = python ? '' : ' [skipped: CRIA_PYTHON names no Python with peft]';

/** Prints the logits of a text with an adapter, [position][vocabulary]. */
const program = `
import json, sys, torch
from peft import PeftModel
from transformers import AutoModelForCausalLM
checkpoint, adapter, ids = sys.argv[1], sys.argv[2], torch.tensor([json.loads(sys.argv[3])])
model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32, attn_implementation="eager")
model = PeftModel.from_pretrained(model, adapter).eval()
with torch.no_grad():
    logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
print(json.dumps(logits[0, -ids.shape[1]:].tolist()))
`;

function logitsOfPeft(checkpoint: string, adapter: string, ids: readonly number[]): number[] {
  const argv = ['-c', program, checkpoint, adapter, JSON.stringify(ids)];
  const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore'];
  const out = execFileSync(python as string, argv, { encoding: 'utf8', stdio, maxBuffer: 2 ** 26 });
  return (JSON.parse(out) as number[][]).flat();
}

async function written(adapter: Adapter): Promise<string> {
  const folder = temporaryFolder();
  await writeAdapter(folder, adapter);
  return folder;
}

test.skipIf(!python).each(adapterNames)(
  `%s as cria writes it has the same logits in PEFT${reason}`,
  { timeout: 120_000 },
  async (name) => {
    const { checkpoint, sequences } = readAdapterGolden(name);
    const { ids, logits } = sequences[0] as (typeof sequences)[number];
    const folder = await written(readAdapter(adapterPath(name)));
    expect(distance(logitsOfPeft(goldenPath(checkpoint), folder, ids), logits.flat())).toBeLessThan(1e-4);
  },
);
