import type { ForwardBackward } from './forward-backward.ts';
import type { ParameterBuffer } from './parameters.ts';

/**
 * Matrix entries that are zero get no gradient: AdamW leaves them at zero, decay included, and the gradients' norm
 * does not count them. Depends on the values alone, so that a resumed run keeps the same ones.
 */
export function keepingZeros(compiled: ForwardBackward, buffer: ParameterBuffer): ForwardBackward {
  const { values, gradients, decaying } = buffer; // matrices come first
  return {
    ...compiled,
    async forwardBackward(microBatch) {
      const loss = await compiled.forwardBackward(microBatch);
      for (let i = 0; i < decaying; i++) if (values[i] === 0) gradients[i] = 0;
      return loss;
    },
  };
}
