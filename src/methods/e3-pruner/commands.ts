/** The commands with which other programs make the same cut of a model. */
export interface CutCommands {
  /** llama.cpp's llama-quantize, on a GGUF file of the whole model. */
  readonly llamaQuantize: string;
  /** A recipe for mergekit, in YAML: its ranges exclude their ends. */
  readonly mergekit: string;
}

/** What to tell other programs; `source` is the whole model. */
export function cutCommands(source: string, kept: readonly number[], layers: number): CutCommands {
  const dropped = Array.from({ length: layers }, (_, layer) => layer).filter((layer) => !kept.includes(layer));
  const slices = runsOf(kept).map(
    ([from, to]) => `  - sources:\n      - model: ${source}\n        layer_range: [${from}, ${to}]\n`,
  );
  return {
    llamaQuantize: `llama-quantize --prune-layers ${dropped.join(',')} model.gguf pruned.gguf COPY`,
    mergekit: `slices:\n${slices.join('')}merge_method: passthrough\ndtype: float16\n`,
  };
}

/** Runs of neighbours, as [first, last + 1]. */
export function runsOf(layers: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const layer of layers) {
    const last = runs.at(-1);
    if (last?.[1] === layer) last[1] = layer + 1;
    else runs.push([layer, layer + 1]);
  }
  return runs;
}
