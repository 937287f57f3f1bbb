import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Value } from '../../src/engine/index.ts';
import type { Plan } from '../../src/model/index.ts';
import { needs, shared } from '../shared.ts';
import { distance, forwardOf, opened, rowAt } from './goldens.ts';

/** What torch computed in float32 on the dequantised weights. */
interface Text {
  readonly ids: readonly number[];
  readonly last_top20_ids: readonly number[];
  readonly last_top20_logits: readonly number[];
  readonly token_logprobs: readonly number[];
  /** Norms at the last token of what enters each block, and last of what the final norm gives. */
  readonly hidden_l2_per_layer_last_token: readonly number[];
}

const file = shared('models', 'smollm2-135m-instruct.Q4_1.gguf');
const golden = shared('goldens', 'logits.json');
const { skip, reason } = needs(file && golden, 'SmolLM2 with its golden values');

describe.skipIf(skip)(`SmolLM2 in float32 is what torch computes${reason}`, () => {
  const read = golden
    ? (JSON.parse(readFileSync(golden, 'utf8')) as { completions: Text[]; chats: Text[] })
    : undefined;
  const texts = read ? [...read.completions, ...read.chats] : [];
  const ids = texts.map((text) => text.ids);

  test.each<Plan>(['whole', 'by-layer'])('under the plan %s', async (plan) => {
    const model = opened(file as string, { plan, precision: 'f32' });
    const { layers, hiddenSize, vocabulary } = model.config;
    const posts = Array.from({ length: layers - 1 }, (_, i) => `layers.${i}.residual.post`);
    const states = ['embedding', ...posts, 'norm'];
    const forward = await forwardOf(model, { read: states });
    const { lastHidden, read } = await forward.run(ids);
    const seq = lastHidden.shape[1] as number;
    for (const [i, text] of texts.entries()) {
      const end = text.ids.length - 1;
      const rows = lastHidden.data.subarray(i * seq * hiddenSize, (i * seq + end) * hiddenSize);
      const likelihoods = await forward.likelihoods(rows, text.ids.slice(1));
      expect(distance(likelihoods, text.token_logprobs)).toBeLessThan(2e-3);

      const logits = await forward.logits(rowAt(lastHidden, end, i));
      expect(logits.length).toBe(vocabulary);
      const top = text.last_top20_ids.map((id) => logits[id] as number);
      expect(distance(top, text.last_top20_logits)).toBeLessThan(2e-3);
      expect(logits.filter((logit) => logit > (top.at(-1) as number) + 2e-3).length).toBeLessThan(20);

      const norms = states.map((path) => Math.hypot(...rowAt(read[path] as Value<'f32'>, end, i)));
      expect(norms.length).toBe(text.hidden_l2_per_layer_last_token.length);
      const apart = norms.map((norm, layer) => norm / (text.hidden_l2_per_layer_last_token[layer] as number) - 1);
      expect(Math.max(...apart.map(Math.abs))).toBeLessThan(1e-4);
    }
  });
});
