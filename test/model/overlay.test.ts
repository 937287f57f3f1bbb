import { expect, onTestFinished, test } from 'vitest';
import { openCheckpoint, overlaid, scaledRows } from '../../src/checkpoint/index.ts';
import { keptLayers, loadModel, openForward } from '../../src/model/index.ts';
import { goldenPath } from './goldens.ts';

const ids = [[3, 1, 4, 1, 5, 9, 2, 6]];

async function lastHidden(model: ReturnType<typeof loadModel>): Promise<Float32Array> {
  const forward = await openForward(model);
  const { lastHidden } = await forward.run(ids);
  await forward.dispose();
  return lastHidden.data;
}

function checkpointOf(name: string) {
  const checkpoint = openCheckpoint(goldenPath(name));
  onTestFinished(() => checkpoint.close());
  return checkpoint;
}

test.each(['whole', 'by-layer'] as const)(
  'a block whose two outputs are zero is a block left out, %s',
  async (plan) => {
    const checkpoint = checkpointOf('llama-gqa');
    const names = ['self_attn.o_proj', 'mlp.down_proj'].map((part) => `model.layers.1.${part}.weight`);
    const zeros = names.map((name) => {
      const { shape } = checkpoint.tensors.get(name) as { shape: readonly number[] };
      return [name, { shape, read: () => new Float32Array(shape.reduce((a, b) => a * b, 1)) }] as const;
    });
    const silenced = loadModel(overlaid(checkpoint, { tensors: new Map(zeros) }), { plan });
    const rest = Array.from({ length: silenced.config.layers }, (_, i) => i).filter((layer) => layer !== 1);
    const cut = loadModel(keptLayers(checkpoint, rest), { plan });
    expect(cut.config.layers).toBe(silenced.config.layers - 1);
    expect(await lastHidden(cut)).toEqual(await lastHidden(silenced));
    expect(await lastHidden(cut)).not.toEqual(await lastHidden(loadModel(checkpoint, { plan })));
  },
);

test('windows that a rule gave stay those of their layers', () => {
  const checkpoint = checkpointOf('gemma3');
  const { slidingWindows } = loadModel(checkpoint).config;
  const kept = slidingWindows.map((_, layer) => layer).slice(1);
  expect(loadModel(keptLayers(checkpoint, kept)).config.slidingWindows).toEqual(slidingWindows.slice(1));
});

test('rows scaled on the way in and back out of a linear map change nothing', async () => {
  const checkpoint = checkpointOf('llama-gqa');
  const name = 'model.layers.0.self_attn.v_proj.weight';
  const factors = Float32Array.from(
    { length: checkpoint.tensors.get(name)?.shape[0] as number },
    (_, i) => 2 ** (i % 3),
  );
  const inverse = factors.map((factor) => 1 / factor);
  const once = overlaid(checkpoint, { tensors: new Map([[name, scaledRows(checkpoint, name, factors)]]) });
  const twice = overlaid(once, { tensors: new Map([[name, scaledRows(once, name, inverse)]]) });
  expect(await lastHidden(loadModel(twice))).toEqual(await lastHidden(loadModel(checkpoint)));
  expect(await lastHidden(loadModel(once))).not.toEqual(await lastHidden(loadModel(checkpoint)));
  expect(once.readFloat32(name, { rows: [1, 2] })).toEqual(
    checkpoint.readFloat32(name, { rows: [1, 2] }).map((x) => 2 * x),
  );
});

test('of a quantized folder what is replaced is no longer codes, and a kept layer has its own', async () => {
  const [first, second] = [0, 1].map((layer) => `model.layers.${layer}.mlp.up_proj.weight`) as [string, string];
  const held = { bits: 4, group: 32, grid: { symmetric: true } } as const;
  const codes = (out: number) => ({ kind: 'blocks', type: 'F32', inner: 1, out, bytes: new Uint8Array() }) as const;
  const folder = {
    ...checkpointOf('llama-gqa'),
    quantization: {
      scheme: 'gptq, 4 bits',
      container: 'gptq',
      matrices: new Map([
        [first, { ...held, bytes: 1 }],
        [second, { ...held, bytes: 2 }],
      ]),
    },
    readCodes: (name: string) => codes(name === first ? 1 : 2),
  };
  const { shape } = folder.tensors.get(first) as { shape: readonly number[] };
  const replaced = overlaid(folder, { tensors: new Map([[first, { shape, read: () => folder.readFloat32(first) }]]) });
  expect([...(replaced.quantization?.matrices.keys() ?? [])]).toEqual([second]);
  expect([replaced.readCodes?.(first), replaced.readCodes?.(second)]).toEqual([undefined, codes(2)]);
  const cut = keptLayers(folder, [1]);
  expect([cut.quantization?.matrices.get(first)?.bytes, cut.readCodes?.(first)]).toEqual([2, codes(2)]);
});

test('a configuration that asks for other tensors is refused', () => {
  const checkpoint = checkpointOf('llama-gqa');
  expect(() => loadModel(overlaid(checkpoint, { config: { num_hidden_layers: 40 } }))).toThrow('the tensor is missing');
  expect(() => overlaid(checkpoint, { tensors: new Map([['a', 'b']]) })).toThrow('the tensor is missing');
  expect(() => keptLayers(checkpoint, [1, 0])).toThrow('cannot keep the layers');
  expect(() => keptLayers(checkpoint, [])).toThrow('cannot keep the layers');
});

test('a model over an open checkpoint leaves it open', () => {
  const checkpoint = checkpointOf('llama-gqa');
  loadModel(checkpoint).close();
  expect(checkpoint.readFloat32('model.norm.weight').length).toBeGreaterThan(0);
});
