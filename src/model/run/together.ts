import { integers, type Value, type Values, value } from '../../engine/index.ts';
import { freshNames, maskInputs, pastNames } from '../architecture/positions.ts';
import { inSlot, slotInputs, slotPositions } from '../architecture/slots.ts';
import type { ActivationOptions } from './backbone.ts';
import { cacheParts, emptySequence } from './cache.ts';
import { maskFeeds } from './cache-feeds.ts';
import type { DecoderPlan, NextToken } from './incremental-plan.ts';
import { openStages } from './incremental-whole.ts';
import type { LoadedModel } from './open.ts';
import type { Staging } from './stages.ts';

/** The whole plan for one token of each of up to `most` sequences: other sessions, which hold the weights again. */
export async function openTogether(
  model: LoadedModel,
  most: number,
  options: ActivationOptions,
  staging: Staging,
): Promise<Required<DecoderPlan>['together'] & { dispose(): Promise<void> }> {
  const { config } = model;
  const { keyValueHeads, heads, headSize } = config;
  const programs = await openStages(model, staging, options, false, () => slotPositions(config, most));
  const idle = emptySequence(config);
  idle.reserve(1);
  const spare = new Float32Array((most + 1) * (heads + 2 * keyValueHeads) * headSize);
  const hasWindow = config.slidingWindows.some((window) => window !== undefined);

  return {
    most,
    step(tokens: readonly NextToken[], where: Values) {
      const left = most + 1 - tokens.length;
      const shape = [left, 1, keyValueHeads, heads / keyValueHeads + 2, headSize];
      const sequences = Array.from({ length: most }, (_, slot) => tokens[slot]?.sequence ?? idle);
      const shared: Record<string, Value> = {
        ...where,
        [slotInputs.rows]: integers([...tokens.keys()]),
        [slotInputs.spare]: value('f32', shape, spare.subarray(0, (spare.length / (most + 1)) * left)),
      };
      for (const [slot, { length }] of hasWindow ? sequences.entries() : []) {
        shared[inSlot(maskInputs.window, slot)] = maskFeeds(config, length, 1)[maskInputs.window] as Value;
      }
      const ids = tokens.map(({ id }) => id);
      return programs.run(ids, shared, (layer, feeds, into) => {
        for (const [slot, sequence] of sequences.entries()) {
          for (const part of cacheParts) {
            feeds[inSlot(pastNames(layer)[part], slot)] = sequence.part(layer, part, 0, sequence.length + 1);
            into[inSlot(freshNames(layer)[part], slot)] = sequence.part(
              layer,
              part,
              sequence.length,
              sequence.length + 1,
            );
          }
        }
      });
    },
    dispose: programs.dispose,
  };
}
