import { compile, type Value, value } from '../../engine/index.ts';
import type { Rows } from '../../linalg/index.ts';
import { decoder, finalNormName, floatWeights, type LoadedModel, openHead } from '../../model/index.ts';
import { input } from '../../tensor/index.ts';

/** The logit lens: hidden states [rows, width] of any layer through the final norm and the head, logits [rows, vocabulary]. */
export async function readOut(model: LoadedModel, states: Rows): Promise<Float32Array> {
  const { config, checkpoint, device, threads } = model;
  const hidden = input('hidden', 'f32', [1, 'rows', config.width]);
  const norm = await compile({ normed: decoder(config, floatWeights).norm(hidden) }, { device, threads });
  const head = openHead(model, 'f32');
  try {
    const gain = value('f32', [config.width], checkpoint.readFloat32(finalNormName));
    const given = value('f32', [1, states.rows, states.columns], states.data);
    const { normed } = await norm.run({ hidden: given, [finalNormName]: gain });
    return await head.logits((normed as Value<'f32'>).data);
  } finally {
    await norm.dispose();
    await head.dispose();
  }
}
